"""The command `up`: everything running side by side until a person has had enough.

Called by the command line.
"""

import os
import shlex
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from managed_agents_local.cluster import Cluster
from managed_agents_local.controlplane import ControlPlane
from managed_agents_local.progress import Teller
from managed_agents_local.world import World

LOOK_EVERY_SECONDS = 0.5


class Fallen(Exception):
    """A part ended by itself; the message holds the end of its log."""


def up(*, directory: Path | None, existing: bool, operator: bool, tell: Teller) -> None:
    """Start everything, print the exports to stdout, and keep it running until SIGINT or SIGTERM.

    `directory` takes logs and kubeconfig, a temporary one when None; `existing` uses the cluster of KUBECONFIG;
    `operator` False leaves the operator to the person. Raises Fallen, cluster.NoCluster, processes.NotReady,
    cluster.KubectlFailed and whatever finding the binaries raises.
    """
    with ExitStack() as stack:
        stack.enter_context(_ended_by_signal())
        if directory is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="managed-agents-")))
        directory = directory.absolute()
        directory.mkdir(parents=True, exist_ok=True)
        cluster = _cluster(stack, directory, existing, tell)
        tell.say("Starting the simulated API")
        world = stack.enter_context(World(cluster, directory))
        if operator:
            tell.say("Starting the operator")
            world.start_operator()
        print(exports(world), flush=True)
        tell.say(f"All is running; logs are in {directory}. Ctrl-C ends it.")
        while not (what := world.fallen()):
            time.sleep(LOOK_EVERY_SECONDS)
        raise Fallen(what)


def exports(world: World) -> str:
    """Lines for a shell that shall find cluster, kubectl and API of this world."""
    environment = world.cluster.environment()
    kubectl = environment["PATH"].partition(os.pathsep)[0]
    values = {
        "KUBECONFIG": shlex.quote(environment["KUBECONFIG"]),
        "PATH": f'{shlex.quote(kubectl)}:"$PATH"',
        "ANTHROPIC_BASE_URL": shlex.quote(world.simulator.url),
        "ANTHROPIC_API_KEY": shlex.quote(world.simulator.key),
    }
    return "\n".join(f"export {name}={value}" for name, value in values.items())


def _cluster(stack: ExitStack, directory: Path, existing: bool, tell: Teller) -> Cluster:
    if not existing:
        tell.say("Starting etcd and kube-apiserver")
        return stack.enter_context(ControlPlane(directory / "controlplane"))
    cluster = Cluster.existing(directory)
    context = cluster.kubectl("config", "current-context").stdout.strip()
    tell.say(
        f"Using the existing cluster of context {context}: our CRDs, namespace and roles are applied and stay there"
    )
    return cluster


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """Leave the block when a person or a supervisor says so, whatever it does; the rest is told to end in order."""

    def leave(number: int, frame: object) -> NoReturn:
        raise _Enough

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except _Enough:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Enough(BaseException):
    """Passes through whatever catches errors, as KeyboardInterrupt does."""
