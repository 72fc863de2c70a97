"""What an explored world must be when all trouble is over.

That is what the judge of the stories says, but where an assumption was violated on purpose: then two sessions of one
resource may live, if the resource tells of it.
"""

from __future__ import annotations

from tests.engine.explore.digest import digest
from tests.engine.explore.scene import Scene
from tests.engine.world import judge_deeds
from tests.engine.world.judge import Judge
from tests.engine.world.world import TERMS


def at_rest(scene: Scene) -> int:
    """The trouble ends and time goes by; answers the digest of what it comes to."""
    scene.world.calm()
    scene.world.settle()
    judge_deeds.deeds(scene.world)
    return digest(scene)


class Lenient(Judge):
    """Where an assumption was violated: what was doubled must be put right, or told."""

    def never_two(self) -> None:
        """Of two living sessions of one resource it tells; only where the resource is gone there is nobody to tell."""
        for body in self._world.cluster.objects.values():
            ids = [session.id for session in self._world.api.living(body["metadata"]["uid"])]
            told = [c for c in body["status"].get("conditions", ()) if c["reason"] == "DuplicateSession"]
            others = [id for id in ids if id != body["status"].get("id")]
            assert not others or any(all(id in c["message"] for id in others) for c in told), f"two live untold: {ids}"

    def _leaks(self) -> None:
        """What arrives when its resource is gone is nobody's: `orphans` tells of it."""

    def _first_events(self) -> None:
        """A send that arrives after the time of doubt can't be told from one that never does."""
        if self._world.api.flight <= TERMS.create_timeout:
            super()._first_events()


def judge_of(scene: Scene) -> Judge:
    """Who judges a scene."""
    return Lenient(scene.world) if scene.violated else Judge(scene.world)
