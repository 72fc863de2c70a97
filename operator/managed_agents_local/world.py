"""A cluster, the simulated API and the operator, side by side on this machine.

Called by the commands `up` and `demo` and by end-to-end tests. Each part is a real process; nothing here knows what the
operator does.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from managed_agents_local import manifests
from managed_agents_local.cluster import Cluster
from managed_agents_local.daemon import Operator
from managed_agents_local.manifests import Installation
from managed_agents_local.simulator import Simulator
from managed_agents_simulator.control import Control

SESSIONS = "sessions.managedagents.dev"


class World:
    """`with ControlPlane() as cluster, World(cluster, directory) as world: world.start_operator()`.

    Entering installs the kustomize base (unless the caller did that, and gives what was `installed`) and starts the
    simulator (with `simulator_options`); leaving ends simulator and operators. The cluster is the caller's, so that
    many worlds can follow each other in one. Logs and the simulator's database are in `directory`.
    """

    def __init__(
        self,
        cluster: Cluster,
        directory: Path,
        *,
        installed: Installation | None = None,
        simulator_options: Sequence[str] = (),
    ) -> None:
        self.cluster = cluster
        self.directory = directory
        self.simulator = Simulator(directory, simulator_options)
        self._installed = installed
        self._operators: list[Operator] = []

    def start(self) -> Self:
        """Everything but the operator.

        Raises processes.NotReady, cluster.KubectlFailed, FileNotFoundError; then nothing is left running.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            self._installed = self._installed or manifests.install(self.cluster, manifests.folder() / "base")
            self.simulator.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the operators, then the simulator; safe to call twice."""
        try:
            for operator in reversed(self._operators):
                operator.stop()
        finally:
            self.simulator.close()

    def fallen(self) -> str | None:
        """What to tell a person of a part that ended by itself; None while all run.

        Of operators only the last counts: those before it were ended on purpose.
        """
        last = self._operators[-1].process.fallen() if self._operators else None
        return self.cluster.fallen() or self.simulator.fallen() or last

    @property
    def control(self) -> Control:
        """Faults, modes, outside edits and the request log of the simulator."""
        return self.simulator.control

    @property
    def operator(self) -> Operator:
        """The one started last."""
        return self._operators[-1]

    @property
    def account(self) -> str:
        """The user name of the operator's service account, as the cluster's audit log has it."""
        return f"system:serviceaccount:{self._installation.namespace}:{self._installation.account}"

    @property
    def _installation(self) -> Installation:
        if self._installed is None:
            raise RuntimeError("this world was never started")
        return self._installed

    @property
    def operator_log(self) -> Path:
        """What all operators of this world said, one after the other."""
        return self.directory / "operator.log"

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """What an operator of this world is started with, `env` on top.

        Nothing of the person's own: a key in their environment must not get here.
        """
        own = {
            name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "MANAGED_AGENTS_"))
        }
        return {
            **own,
            "KUBECONFIG": str(self._installation.kubeconfig),
            "ANTHROPIC_BASE_URL": self.simulator.url,
            "ANTHROPIC_API_KEY": self.simulator.key,
            "MANAGED_AGENTS_HTTP_PORT": "0",
            "MANAGED_AGENTS_OPERATOR_NAMESPACE": self._installation.namespace,
            **(env or {}),
        }

    def start_operator(self, env: Mapping[str, str] | None = None, *, wait: bool = True) -> Operator:
        """Start an operator under its service account, with `env` on top of `environment()`.

        Another may run already. `wait` is for it to be ready. Raises processes.NotReady.
        """
        operator = Operator.start(self.environment(env), self.operator_log)
        self._operators.append(operator)
        if wait:
            operator.wait_ready()
        return operator

    def stop_operator(self) -> int:
        """SIGTERM to the one started last; its exit code."""
        return self.operator.stop()

    def kill_operator(self) -> None:
        """SIGKILL to the one started last."""
        self.operator.kill()

    def kubectl(
        self, *arguments: str | Path, input: str | None = None, check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """kubectl as the administrator. Raises cluster.KubectlFailed unless `check` is false."""
        return self.cluster.kubectl(*arguments, input=input, check=check)

    def sessions(self, namespace: str | None = None) -> list[dict[str, Any]]:
        """The Session resources of one namespace, or of all, as they are stored."""
        scope = ["--all-namespaces"] if namespace is None else ["--namespace", namespace]
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", SESSIONS, *scope, "-o", "json").stdout)["items"]
        return items

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
