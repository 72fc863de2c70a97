"""The door: what the framework is allowed to do for us.

Used by `app` alone. The framework watches, resumes and lists again; an event is handed on as a bell and nothing more.
None of its other handlers are used on our objects, as each of them writes to the object, and it is set so that nothing
it might want to write has a place: no finalizer, no annotation, no Event is ever its.

Of what a burst of creations takes, a fifth is spent in there, and of a start a quarter (`make profile`): a task for
each object and handler states for each event, 0.3 ms, whatever the handler does. It is the price of its watch.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

import kopf

from managed_agents_operator.kube.access import Cluster
from managed_agents_operator.kube.backoffs import Backoffs
from managed_agents_operator.telemetry import DOORBELL_FAILURES

WATCH_SECONDS = 240
"""How long one watch lasts before the framework asks for the next: an older answer means that the watch is dead."""

_CONNECTIONS = 16
_FRAMEWORK = Path(kopf.__file__).parent

# The framework's own choice is made of the user's name, and a container's user seldom has one. Its type is private.
_IDENTITY: Any = "managed-agents-operator"

log = logging.getLogger(__name__)


class Bell(Protocol):
    """Who wants to hear of events."""

    def see(self, event_type: str | None, body: Mapping[str, Any]) -> None:
        """Take in one object; `event_type` is None for what a listing showed. Returns at once."""
        ...


class _NoDiffBase(kopf.DiffBaseStorage):
    """Comparing whole objects at every event is two thirds of the framework's work, and nobody asks for it."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        pass


def register(
    registry: kopf.OperatorRegistry,
    bells: Mapping[tuple[str, str, str], Bell],
    cluster: Cluster,
    *,
    streams: int = 1,
    on_answer: Callable[[str, bool], None] = lambda *_: None,
) -> None:
    """Hang a bell at each kind (group, version, plural) and lend the framework our way to the cluster.

    `streams` is how many watches it will hold open, one for each namespace or one for all; `on_answer` is told
    the path of each watch that the API server answers, and whether it grants it: an event in one does not count.
    """

    def answered(path: str, query: Mapping[str, str], status: int) -> None:
        if "watch" in query:
            on_answer(path, status < 300)

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        session = cluster.session(connections=_CONNECTIONS + streams, on_answer=answered)
        return kopf.AiohttpSession(server=cluster.server, aiohttp_session=session)

    for kind, bell in bells.items():
        kopf.on.event(*kind, registry=registry, id=kind[-1])(_doorbell(bell))


def _doorbell(bell: Bell) -> Callable[..., Awaitable[None]]:
    async def doorbell(event: kopf.RawEvent, **_: Any) -> None:
        try:
            bell.see(event["type"], event["object"])
        except Exception:
            # The framework would drop it silently, and an event is never repeated.
            DOORBELL_FAILURES.inc()
            log.exception("An event of %s could not be taken in", event["object"].get("metadata", {}).get("name"))

    return doorbell


async def listen(registry: kopf.OperatorRegistry, namespaces: Collection[str], *, on_start: Callable[[], None]) -> None:
    """Run the framework until cancelled. Raises whatever else ends it.

    `namespaces` are those to watch, all of them when empty; `on_start` is called when the framework has put its own
    signal handlers in place.
    """
    tasks = await kopf.spawn_tasks(
        registry=registry,
        settings=framework_settings(),
        clusterwide=not namespaces,
        namespaces=namespaces,
        identity=_IDENTITY,
    )
    on_start()
    try:
        # Its own way to wait would, at its end, also end every task of ours that began after it.
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        raise RuntimeError(f"the framework ended by itself: {', '.join(task.get_name() for task in done)}")
    finally:
        # Whatever it still asks for is cut off, and it would complain of that.
        logging.getLogger("kopf").setLevel(logging.CRITICAL)
        # One watch that broke leaves the others behind, and a task of it may take more than one word to end.
        for _ in range(3):
            left = {*tasks, *filter(_is_frameworks, asyncio.all_tasks())}
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=0.7)


def _is_frameworks(task: asyncio.Task[Any]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and Path(code.co_filename).is_relative_to(_FRAMEWORK)


def framework_settings() -> kopf.OperatorSettings:
    """The framework's settings for an operator that only listens."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.persistence.finalizer = "managedagents.dev/kopf-unused"
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = kopf.StatusProgressStorage()
    # A worker waits this long for the next event of its object, and keeps the last one alive meanwhile.
    settings.queueing.idle_timeout = 0.2
    settings.queueing.exit_timeout = 1
    settings.watching.chunk_size = 500
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.connect_timeout = 5
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = Backoffs()
    settings.process.ultimate_exiting_timeout = None
    return settings
