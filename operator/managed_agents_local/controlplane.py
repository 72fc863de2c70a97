"""A real Kubernetes control plane on this machine: etcd and kube-apiserver on 127.0.0.1, and kubectl to talk to it.

Called by `world.py` and by tests. Where the binaries come from is `assets.py`. There is no controller manager and no
node: objects are stored, checked and watched, and nothing else happens to them.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from managed_agents_local import assets, kubeconfig
from managed_agents_local.apiserver import ApiServer
from managed_agents_local.audit import AuditLog
from managed_agents_local.etcd import Etcd


class KubectlFailed(Exception):
    """kubectl ended with another code than 0; the message holds what it said."""


class ControlPlane:
    """One control plane with a life: `with ControlPlane() as cluster: cluster.kubectl("get", "namespaces")`.

    `directory` keeps logs, keys and kubeconfig and is left behind; without one a temporary folder is used, which is
    removed at the end unless the start failed. `assets_directory` holds the binaries; found or built when None.
    Data does not survive `stop`; it survives `restart_apiserver`.
    """

    def __init__(self, directory: Path | None = None, *, assets_directory: Path | None = None) -> None:
        self._temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="managed-agents-controlplane-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.assets = assets_directory or assets.find()
        self._token = secrets.token_urlsafe(32)
        self._etcd = Etcd(self.assets / "etcd", self.directory)
        self._apiserver = ApiServer(self.assets / "kube-apiserver", self.directory, self._token)
        self.kubeconfig = self.directory / "kubeconfig"
        """The administrator's (group system:masters)."""
        self.audit = AuditLog(self._apiserver.audit_log)
        """Every write that came in, with its user and answer."""

    @property
    def url(self) -> str:
        """Where the API server listens, `https://127.0.0.1:<port>`; the same after a restart."""
        return self._apiserver.url

    @property
    def ca(self) -> Path:
        """The certificate that the API server is to be trusted by."""
        return self._apiserver.ca

    def start(self) -> Self:
        """Start both and wait until they answer, about 4 seconds.

        Raises processes.NotReady with the end of the log; then nothing is left running and the logs stay.
        """
        try:
            self._etcd.start()
            self._apiserver.start(self._etcd.url)
            kubeconfig.write(self.kubeconfig, url=self.url, ca=self.ca, token=self._token)
        except BaseException:
            # Ctrl-C too: whoever interrupts a start has nothing to stop it by.
            self._end()
            raise
        return self

    def stop(self) -> None:
        """End both processes; safe to call twice."""
        self._end()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def stop_apiserver(self) -> None:
        """Take the API server away; etcd keeps what it knows."""
        self._apiserver.stop()

    def start_apiserver(self) -> None:
        """Bring it back at the same address with the same keys. Raises processes.NotReady."""
        self._apiserver.start(self._etcd.url)

    def restart_apiserver(self) -> None:
        """Every watch and connection ends; data, address and keys stay. Raises processes.NotReady."""
        self.stop_apiserver()
        self.start_apiserver()

    def environment(self, config: Path | None = None) -> dict[str, str]:
        """The environment for a program that shall find this cluster: KUBECONFIG, and kubectl on PATH."""
        return {
            **os.environ,
            "KUBECONFIG": str(config or self.kubeconfig),
            "PATH": os.pathsep.join(filter(None, (str(self.assets), os.environ.get("PATH")))),
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
            [self.assets / "kubectl", *arguments],
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
        path = self.directory / f"kubeconfig-{namespace}-{name}"
        return kubeconfig.write(path, url=self.url, ca=self.ca, token=token, namespace=namespace)

    def _end(self) -> None:
        # First who writes, then who stores; a second end must come also when the first fails.
        try:
            self._apiserver.stop()
        finally:
            self._etcd.stop()
            shutil.rmtree(self._etcd.data, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
