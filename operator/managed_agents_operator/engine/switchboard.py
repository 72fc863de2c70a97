"""Which keeper has which resource: one keeper for each connection, and one for those that have none.

The doors ring here. A resource goes to the keeper of its connection (`choosing`), and to another one only while it has
no session and nothing is in doubt; so what one connection can't do delays nobody of another. What a connection is, and
who opens one, is told by `connections`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from managed_agents_operator.api.resources import SourceKind
from managed_agents_operator.engine.cell import Clock
from managed_agents_operator.engine.choosing import Choice, Known, Place, chosen, wished
from managed_agents_operator.engine.crew import Crew
from managed_agents_operator.engine.errors import Failure
from managed_agents_operator.engine.keeper import Keeper
from managed_agents_operator.engine.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Seat:
    """One connection at the switchboard: what its kind asks. `ref_of` tells how status names it."""

    board: Switchboard
    place: Place
    ref_of: Callable[[Place], Mapping[str, str] | None]

    def trouble(self, uid: str) -> Failure | None:
        """Why nothing may be called for a resource."""
        return self.board.trouble(uid)

    def elsewhere(self, uid: str) -> bool:
        """Whether the spec of a resource asks for another connection."""
        return self.board.elsewhere(self.place, uid)

    def ref(self) -> Mapping[str, str] | None:
        """As status names this connection."""
        return self.ref_of(self.place)


class Switchboard:
    """All keepers together, for whoever rings all of them.

    `look` reads one connection past every cache, for a resource that would take another one in its absence, and `used`
    is told when the number of resources that use a connection changed. `seen` hears of all that the doors bring.
    Nothing is handed on before `begin`.
    """

    def __init__(
        self,
        clock: Clock,
        known: Known,
        nowhere: Keeper,
        *,
        look: Callable[[Place], Awaitable[None]],
        used: Callable[[Place], None],
        source_changed: Callable[[SourceKind, str, str], None],
        seen: Callable[[str | None, Mapping[str, Any]], None] = lambda *_: None,
    ) -> None:
        self._clock = clock
        self._known = known
        self._nowhere = nowhere
        self._used = used
        self._source_changed = source_changed
        self._seen = seen
        self._keepers: dict[Place, Keeper] = {}
        self._at: dict[str, Keeper] = {}
        self._choices: dict[str, Choice] = {}
        self._users: Counter[Place] = Counter()
        self._homes: dict[Keeper, Place] = {}
        self._waiting = Waiting(look, self._admit, clock.monotonic)
        self._begun = False
        self.draining = False
        """Whether the process ends: no line is opened any more."""
        self._last_event = clock.monotonic()

    # doors

    def see(self, event_type: str | None, body: Mapping[str, Any]) -> None:
        """A watch event, or an object of a listing (type None)."""
        self._last_event = self._clock.monotonic()
        self._seen(event_type, body)
        uid = body["metadata"]["uid"]
        at = self._at.get(uid)
        if event_type == "DELETED":
            self._waiting.drop(uid)
            if at is not None:
                at.see(event_type, body)
        elif at is not None:
            at.see(event_type, body)
            self._settle(uid, at)
        elif self._waiting.hold(uid, body) and self._begun:
            self._admit(uid)

    def source_changed(self, kind: SourceKind, namespace: str, name: str) -> None:
        """A ConfigMap or Secret is not what it was."""
        for keeper in self._everybody():
            keeper.source_changed(kind, namespace, name)
        self._source_changed(kind, namespace, name)

    def sources_listed(self) -> None:
        """Versions of ConfigMaps or Secrets are known that were not."""
        for keeper in self._everybody():
            keeper.sources_listed()

    def last_event_age(self) -> float:
        """Seconds since the watch last told anything."""
        return self._clock.monotonic() - self._last_event

    def look_age(self) -> float:
        """Seconds that a look which a resource waits for has been due."""
        return self._waiting.age

    async def run(self) -> None:
        """Work until cancelled, but for the keepers of connections: their owner runs them."""
        async with Crew() as crew:
            crew.add("keeper of those without a connection", self._nowhere.run())
            crew.add("those that wait for a connection", self._waiting.run())
            await crew.watch()

    async def drain(self, seconds: float) -> None:
        """Begin no more passes anywhere, and give those under way so many seconds to end."""
        self.draining = True
        await asyncio.gather(*(keeper.drain(seconds) for keeper in self._everybody()))

    # connections

    def begin(self) -> None:
        """All connections are known, and all resources were seen: hand them on."""
        self._begun = True
        for uid in list(self._waiting.held):
            self._admit(uid)

    def open(self, place: Place, keeper: Keeper) -> None:
        """There is a connection now; its resources come to it."""
        self._keepers[place] = keeper
        self._homes[keeper] = place
        self.reconsider()

    def close(self, place: Place) -> None:
        """There is no such connection any more. Nobody used it."""
        del self._homes[self._keepers.pop(place)]

    def reconsider(self) -> None:
        """Something is known of connections or namespaces that was not, or not so."""
        for uid, at in list(self._at.items()):
            self._settle(uid, at)
        if self._begun:
            for uid in list(self._waiting.held):
                self._admit(uid)

    def ended(self, uid: str) -> None:
        """A pass of this resource ended in its keeper."""
        at = self._at.get(uid)
        if at is not None and at.body(uid) is None:
            del self._at[uid]
            self._note(uid, None)
            self._left(at)
        elif at is not None:
            self._settle(uid, at)

    def users(self, place: Place) -> int:
        """How many resources use a connection, or wait for it; those that can't leave it yet count too."""
        keeper = self._keepers.get(place)
        return max(self._users[place], keeper.count() if keeper is not None else 0)

    # what kinds ask

    def knows(self, uid: str) -> bool:
        """Whether a resource of this uid is there."""
        return uid in self._at or uid in self._waiting.held

    def trouble(self, uid: str) -> Failure | None:
        """Why nothing may be called for a resource."""
        choice = self._choices.get(uid)
        return choice.trouble if choice is not None else None

    def elsewhere(self, place: Place, uid: str) -> bool:
        """Whether a resource that this connection has would belong to another one, were it not bound to this."""
        at = self._at.get(uid)
        body = at.body(uid) if at is not None else None
        return body is not None and wished(body, self._known).place != place

    # handing on

    def _everybody(self) -> tuple[Keeper, ...]:
        return (self._nowhere, *self._keepers.values())

    def _admit(self, uid: str) -> None:
        """Hand a held resource on, once all was looked at that may make a difference."""
        body = self._waiting.held[uid]
        choice = chosen(body, self._known)
        if self._waiting.doubts(uid, choice.unsure):
            return
        self._waiting.drop(uid)
        self._note(uid, choice)
        self._at[uid] = self._keeper(choice)
        self._at[uid].see(None, body)

    def _settle(self, uid: str, at: Keeper) -> None:
        """It stays where it is, or goes where it belongs by now; the next pass asks again where it could not leave."""
        body = at.body(uid)
        if body is None:
            return
        choice = chosen(body, self._known)
        changed = self._note(uid, choice)
        to = self._keeper(choice)
        if to is not at and at is self._nowhere and choice.unsure and at.let_go(uid):
            # As if it had just come: another connection may be there that it would rather have.
            del self._at[uid]
            self._note(uid, None)
            self._waiting.hold(uid, body)
            self._admit(uid)
        elif to is not at and at.let_go(uid):
            self._at[uid] = to
            to.see(None, body)
            self._left(at)
        elif changed:
            at.ring(uid)

    def _left(self, keeper: Keeper) -> None:
        """A resource is not with this keeper any more, which may have been the last that held its connection."""
        if keeper in self._homes:
            self._used(self._homes[keeper])

    def _keeper(self, choice: Choice) -> Keeper:
        return self._nowhere if choice.place is None else self._keepers.get(choice.place, self._nowhere)

    def _note(self, uid: str, choice: Choice | None) -> bool:
        """Keep the choice; whether its trouble is another one than before."""
        before = self._choices.pop(uid, None)
        if choice is not None:
            self._choices[uid] = choice
        was, now = (None if c is None else c.place for c in (before, choice))
        if was != now:
            for place, by in ((was, -1), (now, 1)):
                if place is not None:
                    self._users[place] += by
                    if not self._users[place]:
                        del self._users[place]
                    self._used(place)
        return before is None or choice is None or before.trouble != choice.trouble
