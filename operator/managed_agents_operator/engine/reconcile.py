"""One pass over one resource: look, decide, do at most one thing outside, write at most one patch.

The keeper calls `Reconciler.reconcile` with the cell of a resource, never twice at once for the same one, and is told
when to come again. Order within a pass: what is known but not written goes first; then the ladder decides, asking for
looks it needs; then the verdict is carried out; then the ladder is asked once more, only for what there is to say.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from managed_agents_operator.api.session import Session
from managed_agents_operator.engine.calling import call
from managed_agents_operator.engine.cell import Cell, Clock
from managed_agents_operator.engine.disowning import disown
from managed_agents_operator.engine.errors import ClusterUnreachable, Failure, ObjectGone, WriteConflict
from managed_agents_operator.engine.external import External, Sight
from managed_agents_operator.engine.guarding import Guardian
from managed_agents_operator.engine.ladder import decide
from managed_agents_operator.engine.learning import looked, meet, recorded, stop_read
from managed_agents_operator.engine.looks import ORDERED, REMOTE, Look, LookSession, LookStop, Stop
from managed_agents_operator.engine.outcomes import learn, spent, torn
from managed_agents_operator.engine.pauses import NOW, UNANSWERED, UNRECORDED, doubled
from managed_agents_operator.engine.ports import Writer
from managed_agents_operator.engine.status import known, unwritten
from managed_agents_operator.engine.telling import Scribe
from managed_agents_operator.engine.terms import Process, Terms
from managed_agents_operator.engine.turns import Turns
from managed_agents_operator.engine.verdict import (
    Allow,
    Ask,
    Create,
    Deed,
    End,
    Guard,
    Mutation,
    Record,
    Release,
    Rest,
    Send,
    Verdict,
)
from managed_agents_operator.engine.view import View

log = logging.getLogger(__name__)

LOOKS = 6
"""Looks that one pass may take at the most: more than any path through the ladder asks for."""


class Reconciler:
    """Carries out passes. `ring` wakes a resource by uid when a ticket it waits for is granted."""

    def __init__(
        self,
        kind: External,
        writer: Writer,
        scribe: Scribe,
        clock: Clock,
        process: Process,
        terms: Terms,
        ring: Callable[[str], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._kind = kind
        self._writer = writer
        self._scribe = scribe
        self._clock = clock
        self._process = process
        self._terms = terms
        self._turns = Turns(kind, ring)
        self._guardian = Guardian(writer, scribe, clock, terms.permit_life)
        self._jitter = jitter

    async def reconcile(self, cell: Cell) -> float | None:
        """One pass. Answers the monotonic time to come again, NOW for at once, None for the next bell.

        Raises `ObjectGone` once the object is not there any more.
        """
        try:
            try:
                again = await self._pass(cell)
            except WriteConflict:
                cell.body, again = await self._newest(cell), NOW
        except ClusterUnreachable as error:
            cell.cluster_tries += 1
            log.warning("%s/%s: the cluster did not take a write: %s", cell.namespace, cell.name, error)
            return self._clock.monotonic() + doubled(1.0, cell.cluster_tries - 1, 60.0)
        cell.cluster_tries = 0
        return again

    async def disown(self, cell: Cell) -> float | None:
        """The object is gone: nothing of it may live on unknown. Answers when to come again, None when all is done."""
        self._turns.drop(cell)
        return await disown(cell, self._kind, self._writer, self._scribe, self._clock.monotonic(), self._jitter())

    async def _newest(self, cell: Cell) -> dict[str, Any]:
        body = await self._writer.read(cell.namespace, cell.name)
        if body is None or body["metadata"]["uid"] != cell.uid:
            raise ObjectGone(f"{cell.namespace}/{cell.name} is not there any more")
        return body

    async def _pass(self, cell: Cell) -> float | None:
        try:
            resource = Session.parse(cell.body)
        except ValidationError as error:
            fields = {".".join(map(str, e["loc"])) for e in error.errors(include_input=False)}
            log.warning("%s/%s does not fit the schema: mend %s", cell.namespace, cell.name, ", ".join(sorted(fields)))
            return None
        sight = self._kind.sight(resource)
        cell.paid = False
        cell.memory = meet(cell.memory, resource, sight, self._clock.monotonic())
        if unwritten(cell.status, cell.memory):
            return await self._write_down(cell)
        verdict, view = await self._decide(cell, resource, sight)
        if isinstance(verdict, Rest | Ask):
            self._turns.drop(cell)
            if isinstance(verdict, Rest) and verdict.facts:
                cell.memory = replace(cell.memory, facts={**cell.memory.facts, **verdict.facts})
                return await self._write_down(cell)
            again = await self._say(cell, view, verdict)
            unanswered = isinstance(verdict, Ask) and not isinstance(verdict.look, ORDERED)
            return self._clock.monotonic() + UNANSWERED if unanswered else again
        return await self._act(cell, view, verdict) if verdict is not None else None

    def _view(self, cell: Cell, seen: Mapping[Look, Any] | None = None) -> View:
        """The view with all that is known, written or not."""
        resource = Session.parse({**cell.body, "status": known(cell.status, cell.memory)})
        return self._of(cell, resource, self._kind.sight(resource), seen or {})

    def _of(self, cell: Cell, resource: Session, sight: Sight, seen: Mapping[Look, Any]) -> View:
        clock = self._clock
        return View(
            resource=resource,
            memory=cell.memory,
            sight=replace(sight, seen=dict(seen)) if seen else sight,
            now=clock.monotonic(),
            boot=clock.boottime(),
            wall=clock.wall(),
            process=self._process,
            terms=self._terms,
        )

    async def _decide(self, cell: Cell, resource: Session, sight: Sight) -> tuple[Verdict | None, View]:
        """The ladder, with the looks it asks for. None while a look waits for its turn. Nothing is unwritten."""
        seen: dict[Look, Any] = {}
        view = self._of(cell, resource, sight, seen)
        verdict = decide(view)
        for _ in range(LOOKS):
            if not isinstance(verdict, Ask):
                break
            look = verdict.look
            if isinstance(look, REMOTE) and not self._turns.admits(cell, view, look=True):
                return None, view
            seen[look] = await self._look(cell, view, verdict)
            if isinstance(look, ORDERED) and not isinstance(seen[look], Failure):
                return verdict, view
            view = self._view(cell, seen)
            verdict = decide(view)
        return verdict, view

    async def _look(self, cell: Cell, view: View, verdict: Ask) -> Any:
        look, began = verdict.look, self._clock.monotonic()
        answer = await self._kind.observe(view.resource, look)
        now = self._clock.monotonic()
        if not (isinstance(look, ORDERED) and answer is False):
            cell.memory = looked(
                cell.memory, look, answer, began=began, now=now, jitter=self._jitter(), poll=verdict.poll
            )
        if isinstance(answer, Stop) and isinstance(look, LookStop) and view.remote is not None:
            cell.memory = stop_read(cell.memory, look, answer, view.remote, now)
        return answer

    async def _act(self, cell: Cell, view: View, verdict: Deed) -> float | None:
        if isinstance(verdict, Guard):
            if verdict.token and not self._turns.admits(cell, view, creates=True):
                return None
            await self._guardian.guard(cell, view, verdict)
            return NOW
        if isinstance(verdict, Release):
            return await self._release(cell, view, verdict)
        if isinstance(verdict, Record):
            noted = replace(cell.memory, created=verdict.created)
            if not unwritten(cell.status, noted):
                return self._clock.monotonic() + UNRECORDED
            cell.memory = noted
            return await self._write_down(cell)
        if isinstance(verdict, Allow):
            if not self._turns.admits(cell, view):
                return None
            facts = {**cell.memory.facts, "kickoff": dict(verdict.kickoff)}
            cell.memory = replace(cell.memory, facts=facts, allows=True)
            return await self._write_down(cell)
        return await self._mutate(cell, view, verdict)

    async def _release(self, cell: Cell, view: View, verdict: Release) -> float | None:
        self._turns.drop(cell)
        await self._guardian.release(cell, view, verdict)
        # An observer lives on.
        return None if view.deleting else NOW

    async def _mutate(self, cell: Cell, view: View, verdict: Mutation) -> float | None:
        """One call; its permit is used up before it is made, and its answer is the new observation."""
        if isinstance(verdict, Send):
            self._kind.take(creates=False)
        elif not isinstance(verdict, Create) and not self._turns.admits(cell, view):
            return None
        if isinstance(verdict, End) and verdict.stray and not await self._still_stray(cell, verdict):
            return NOW
        cell.memory = spent(cell.memory, verdict)
        try:
            outcome = await call(self._kind, view, verdict, self._clock)
        except BaseException:
            cell.memory = torn(cell.memory, self._clock.monotonic())
            raise
        cell.memory = learn(view, cell.memory, verdict, outcome, self._clock.monotonic(), self._jitter())
        self._scribe.done(view, verdict, outcome)
        if isinstance(verdict, Send) and not isinstance(outcome, Failure):
            self._kind.take(creates=False)
            await self._kind.observe(view.resource, LookSession(verdict.id))
        return await self._write_down(cell)

    async def _still_stray(self, cell: Cell, verdict: End) -> bool:
        """A session is taken for one too many only by the newest object, never by a cache."""
        before, cell.body = cell.resource_version, await self._newest(cell)
        return cell.resource_version == before or cell.status.get("id") not in (None, verdict.id)

    async def _write_down(self, cell: Cell) -> float | None:
        """Say what is known now. What the ladder would do next is done in the next pass."""
        view = self._view(cell)
        verdict = decide(view)
        for _ in range(LOOKS):
            if not isinstance(verdict, Rest) or not verdict.facts:
                break
            cell.memory = replace(cell.memory, facts={**cell.memory.facts, **verdict.facts})
            view = self._view(cell)
            verdict = decide(view)
        if isinstance(verdict, Release) and not unwritten(cell.status, cell.memory):
            return await self._release(cell, view, verdict)
        boot = self._clock.boottime()
        again = await self._say(cell, view, verdict)
        cell.memory = recorded(cell.memory, cell.status, boot, self._terms.permit_life)
        return again if isinstance(verdict, Rest) else NOW

    async def _say(self, cell: Cell, view: View, verdict: Verdict) -> float | None:
        mounts = cell.status.get("resources")
        due = await self._scribe.write(cell, view, report := getattr(verdict, "report", None))
        if not isinstance(verdict, Rest):
            return due
        if cell.status.get("resources") != mounts:
            return NOW  # What is ours of the mounts is told by status, and is decided by from now on.
        if report is not None and report.synced == "Synced":
            cell.memory = replace(cell.memory, backoff=None)
        return min((t for t in (due, verdict.until) if t is not None), default=None)
