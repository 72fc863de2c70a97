"""A cluster that kubectl can talk to.

Called by `world.py` for a cluster that someone else runs; `controlplane.py` makes it one that runs here.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

from managed_agents_local import kubeconfig


class KubectlFailed(Exception):
    """kubectl ended with another code than 0; the message holds what it said."""


class NoCluster(Exception):
    """There is no cluster to use; the message says what is missing."""


class Cluster:
    """A cluster by its kubeconfig, and the kubectl to use with it. `directory` is for what we write down about it."""

    def __init__(self, kubeconfig: Path, kubectl: Path, directory: Path) -> None:
        self.kubeconfig = kubeconfig
        """The administrator's."""
        self.directory = directory
        self._kubectl = kubectl

    @classmethod
    def existing(cls, directory: Path) -> Self:
        """The one that KUBECONFIG names, through the kubectl on PATH. Raises NoCluster."""
        given, program = os.environ.get("KUBECONFIG"), shutil.which("kubectl")
        if not given:
            raise NoCluster("KUBECONFIG is not set: name the kubeconfig of the cluster to use")
        if not Path(given).is_file():
            raise NoCluster(f"KUBECONFIG={given} is not one file")
        if not program:
            raise NoCluster("kubectl is not on PATH")
        return cls(Path(given).absolute(), Path(program), directory)

    def fallen(self) -> str | None:
        """What to tell a person of a part that ended by itself; None while all is well."""
        return None

    def environment(self, config: Path | None = None) -> dict[str, str]:
        """The environment for a program that shall find this cluster: KUBECONFIG, and kubectl on PATH."""
        return {
            **os.environ,
            "KUBECONFIG": str(config or self.kubeconfig),
            "PATH": os.pathsep.join(filter(None, (str(self._kubectl.parent), os.environ.get("PATH")))),
            # Neither what this cluster serves nor someone's own defaults belong into the other.
            "KUBECACHEDIR": str(self.directory / "kubectl-cache"),
            "KUBERC": "off",
        }

    def kubectl(
        self, *arguments: str | Path, input: str | None = None, check: bool = True, config: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run kubectl, as the administrator or by another kubeconfig; both streams are captured as text.

        Raises KubectlFailed when it fails and `check` is left true.
        """
        done = subprocess.run(
            [self._kubectl, *arguments],
            env=self.environment(config),
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            command = " ".join(["kubectl", *map(str, arguments)])
            raise KubectlFailed(f"{command} ended with {done.returncode}:\n{done.stderr.strip()}")
        return done

    def service_account(self, namespace: str, name: str, *, seconds: int = 24 * 60 * 60) -> Path:
        """A kubeconfig with a token for an existing service account, good for `seconds` (at least 600).

        Raises KubectlFailed when there is no such account.
        """
        token = self.kubectl("create", "token", name, "-n", namespace, f"--duration={seconds}s").stdout.strip()
        view = self.kubectl("config", "view", "--minify", "--raw", "--flatten", "-o", "json").stdout
        cluster = json.loads(view)["clusters"][0]["cluster"]
        path = self.directory / f"kubeconfig-{namespace}-{name}"
        return kubeconfig.write(path, cluster=cluster, token=token, namespace=namespace)
