"""The command `demo`: the operator at work, from `kubectl apply` to a kill and back, with proof of what is claimed.

Called by the command line. What is done and looked for is in `tour/`; here everything is started, put in order, and
ended again.
"""

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from managed_agents_local import manifests, up
from managed_agents_local.cluster import KubectlFailed
from managed_agents_local.controlplane import ControlPlane
from managed_agents_local.tour import acts, crash, endings, mounts, tenants
from managed_agents_local.tour.prompt import Prompt
from managed_agents_local.tour.screen import Finding, Screen
from managed_agents_local.tour.stage import PAUSES, Stage
from managed_agents_local.tour.witness import NotSeen, Witness
from managed_agents_local.world import World

ACTS = (
    (
        "Six samples: bare, with mounts, with a first task and a budget, with files, to be replaced, and wrong",
        acts.samples,
    ),
    ("A title is changed", acts.title),
    ("A file is added to a session that is there", mounts.added),
    ("A token is renewed", mounts.rotated),
    ("The content of a file is changed", mounts.changed),
    ("Another session takes the place of one", endings.replaced),
    ("Two namespaces have keys and workspaces of their own", tenants.two),
    ("A session is archived", endings.archive),
    ("A resource is deleted", endings.deletion),
    ("The operator is killed in the middle of its work", crash.crash),
)


class Failed(Exception):
    """The demo did not show what it is there to show; the message says what, and how the operator's log ends."""


def demo() -> None:
    """Give the tour and print a summary; all is gone at the end, but for the logs of one that failed.

    Raises Failed, witness.NotSeen, processes.NotReady, cluster.KubectlFailed, FileNotFoundError, KeyboardInterrupt (for
    SIGTERM too), and whatever finding the binaries raises.
    """
    begin = time.monotonic()
    screen = Screen()
    with ExitStack() as stack:
        stack.enter_context(_interrupted_by_sigterm())
        directory = stack.enter_context(_folder(screen))
        stage = _set(stack, screen, directory)
        stack.enter_context(screen)
        findings = _play(stage)
        screen.summary("What was seen", findings)
        screen.heading("Ending everything")
    screen.say(f"Nothing is left running. It took {time.monotonic() - begin:.0f} s.")


def _set(stack: ExitStack, screen: Screen, directory: Path) -> Stage:
    """Start cluster, simulator and operator."""
    screen.heading("A control plane, the simulated API and the operator, each a process")
    screen.say("The demo has a kubeconfig and a key of its own; yours are not touched.")
    plane = stack.enter_context(ControlPlane(directory / "controlplane"))
    prompt = Prompt(plane, screen)
    prompt.run("kubectl version")
    deploy = manifests.folder()
    screen.say("CRDs, namespace and roles come from deploy/base; its Deployment is left out.")
    world = stack.enter_context(World(plane, directory))
    stage = Stage(world, prompt, Witness(world, plane.audit, screen), screen, deploy / "samples")
    prompt.run("kubectl get crd")
    for line in up.exports(world).splitlines():
        screen.command(line)
    screen.say("The operator runs under its own service account, with shorter pauses than usual:")
    stage.start_operator(PAUSES)
    return stage


def _play(stage: Stage) -> list[Finding]:
    """Every act in order. Raises Failed."""
    findings = []
    try:
        for title, act in ACTS:
            stage.screen.heading(title)
            for finding in act(stage):
                stage.screen.found(finding)
                findings.append(finding)
    except (NotSeen, KubectlFailed, httpx.HTTPError) as failure:
        stage.screen.close()
        raise Failed("\n".join([f"the demo failed: {failure}", *_last_words(stage.world)])) from failure
    return findings


def _last_words(world: World) -> list[str]:
    """The ends of the logs that can explain a failure: the operator's, and that of whatever ended by itself."""
    operator = world.operator.process
    told = (world.fallen(), operator.fallen() or operator.explain("still runs"))
    return [text for text in dict.fromkeys(told) if text]


@contextmanager
def _folder(screen: Screen) -> Iterator[Path]:
    """A new folder for logs and kubeconfig. It stays when there is something to find out."""
    folder = Path(tempfile.mkdtemp(prefix="managed-agents-demo-"))
    try:
        yield folder
    except Exception:
        screen.say(f"All logs are kept in {folder}")
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
