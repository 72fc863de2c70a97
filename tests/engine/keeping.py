"""A keeper on a clock that stands still, the resources it keeps, and a reconciler that only notes what it was given."""

from __future__ import annotations

import asyncio

from tests.engine.world.clock import FakeClock

from managed_agents_operator.engine.keeper import Keeper


def at_rest(uid="u1", version=1, **fields):
    """A resource that had everything done, as another process left it."""
    body = obj(uid, version, id=f"sesn_{uid}")
    body["metadata"]["generation"] = 1
    told = {"observedGeneration": 1, "conditions": [{"type": "Synced", "status": "True"}], **fields}
    body["status"] |= told
    return body


def obj(uid="u1", version=1, id=None, secret=None, made="2026-01-01T00:00:00Z", **spec):
    mounts = [{"name": "r", "githubRepository": {"url": "x", "authorizationTokenSecretRef": {"name": secret}}}]
    return {
        "metadata": {
            "uid": uid,
            "name": uid,
            "namespace": "team",
            "resourceVersion": str(version),
            "creationTimestamp": made,
            "managedFields": [],
        },
        "spec": {**spec, **({"resources": mounts} if secret else {})},
        "status": {"id": id} if id else {},
    }


class Notes:
    """A reconciler with a memory of its calls. `script` maps a uid to what its passes answer, the last one stays."""

    def __init__(self):
        self.passed, self.disowned = [], []
        self.answers, self.disowns = {}, {}
        self.under_way = set()
        self.gate = asyncio.Event()
        self.gate.set()

    async def reconcile(self, cell):
        assert cell.uid not in self.under_way, "two passes at once"
        self.under_way.add(cell.uid)
        self.passed.append((cell.uid, int(cell.body["metadata"]["resourceVersion"])))
        try:
            await asyncio.sleep(0)  # as every write takes a while
            await self.gate.wait()
            return self._next(self.answers, cell)
        finally:
            self.under_way.discard(cell.uid)

    async def disown(self, cell):
        self.disowned.append(cell.uid)
        return self._next(self.disowns, cell)

    def _next(self, script, cell):
        answers = script.get(cell.uid, [None])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer(cell) if callable(answer) else answer


class Stage:
    """A keeper at work, on a clock that stands still."""

    def __init__(self, workers=2, *, swept=True):
        self.clock, self.notes = FakeClock(), Notes()
        self._asleep = []
        self.keeper = Keeper(self.clock, workers=workers, swept=swept, sleep=self._sleep)
        self.keeper.serve(self.notes)

    async def _sleep(self, seconds):
        self._asleep.append(asyncio.get_running_loop().create_future())
        await self._asleep[-1]

    async def calm(self):
        """Until nobody has anything to do."""
        for _ in range(200):
            await asyncio.sleep(0)

    async def later(self, seconds):
        self.clock.advance(seconds)
        asleep, self._asleep = self._asleep, []
        for one in asleep:
            one.set_result(None)
        await self.calm()
