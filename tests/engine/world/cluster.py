"""A Kubernetes API server with one kind of objects, in memory.

It has what the engine relies on: versions as preconditions, generations, finalizers, and a status of its own. `Cluster`
is what people do to it; `ClusterWriter` is how one process reads and writes it, with a gate at each end of each call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from tests.engine.world.chronicle import Chronicle
from tests.engine.world.clock import FakeClock
from tests.engine.world.gates import gate
from tests.engine.world.numbers import Numbers
from tests.engine.world.sources import Sources

from managed_agents_operator.engine.errors import ClusterUnreachable, ObjectGone, WriteConflict, WriteRefused

NAMESPACE = "team"


def copied(value: Any) -> Any:
    """A deep copy of what came from JSON, in a tenth of the time that `copy` takes for it."""
    kind = type(value)
    if kind is str:
        return value
    if kind is dict or isinstance(value, Mapping):
        return {key: copied(one) for key, one in value.items()}
    return [copied(one) for one in value] if kind is list or kind is tuple else value


def merged(target: Any, patch: Any) -> Any:
    """JSON merge patch, as RFC 7386 says it."""
    if not isinstance(patch, Mapping):
        return patch
    out = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merged(out.get(key), value)
    return out


def left_alone(body: Mapping[str, Any]) -> bool:
    """Whether people want that its session stays as it is when it goes."""
    spec, noted = body["spec"], body["metadata"]["annotations"]
    forced = noted.get("managedagents.dev/force-delete") == "true"
    return forced or spec.get("deletionPolicy") == "Retain" or spec.get("managementPolicy") == "Observe"


def retained(body: Mapping[str, Any]) -> bool:
    """Whether it went in the regular way and leaves its session alone: not the files that it uploaded."""
    spec, noted = body["spec"], body["metadata"]["annotations"]
    regular = noted.get("managedagents.dev/force-delete") != "true" and spec.get("managementPolicy") != "Observe"
    return regular and spec.get("deletionPolicy") == "Retain"


class Cluster:
    """All objects by name. `largest` is the size of a status that is still taken."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._versions = Numbers(100)
        self._uids = Numbers()
        self.objects: dict[str, dict[str, Any]] = {}
        self.writes = 0
        self.sources = Sources(self._versions)
        self.chronicle = Chronicle()
        self.lost: list[dict[str, Any]] = []
        """Objects that went by the wish of people whatever they leave outside."""
        self.kept: set[str] = set()
        """Uids of those among them of which only the session was to stay."""
        self.largest = 1_500_000

    def put(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Store it as its next version."""
        stored = copied(dict(body))
        stored["metadata"]["resourceVersion"] = str(next(self._versions))
        self.objects[name] = stored
        self.chronicle.saw(stored)
        return stored

    def apply(self, name: str, spec: Mapping[str, Any], annotations: Mapping[str, str] | None = None) -> str:
        """A new object; answers its uid."""
        uid = f"uid-{next(self._uids)}"
        metadata = {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid,
            "generation": 1,
            "creationTimestamp": self._clock.wall().replace(microsecond=0).isoformat().replace("+00:00", "Z"),
            "annotations": dict(annotations or {}),
        }
        self.put(name, {"metadata": metadata, "spec": dict(spec), "status": {"observedGeneration": -1}})
        return uid

    def edit(self, name: str, **fields: Any) -> None:
        """Change fields of spec; None takes one away."""
        body = copied(self.objects[name])
        spec = {k: v for k, v in {**body["spec"], **fields}.items() if v is not None}
        if spec != body["spec"]:
            body["spec"] = spec
            body["metadata"]["generation"] += 1
            self.put(name, body)

    def annotate(self, name: str, **annotations: str | None) -> None:
        """Set annotations of ours (without their prefix); None takes one away."""
        body = copied(self.objects[name])
        named = {f"managedagents.dev/{k.replace('_', '-')}": v for k, v in annotations.items()}
        body["metadata"]["annotations"] = merged(body["metadata"]["annotations"], named)
        self.put(name, body)

    def replace(self, name: str) -> None:
        """`kubectl replace` with the manifest as people have it: finalizers and annotations of ours are gone."""
        body = copied(self.objects[name])
        body["metadata"]["annotations"] = {}
        body["metadata"].pop("finalizers", None)
        self._put_or_remove(name, body)
        if name not in self.objects:
            self.lost.append(body)
            self.kept.discard(body["metadata"]["uid"])

    def wipe_status(self, name: str) -> None:
        """What a restore or a mistaken replace of the status leaves."""
        body = copied(self.objects[name])
        body["status"] = {"observedGeneration": -1}
        self.chronicle.forget(body["metadata"]["uid"])
        self.put(name, body)

    def delete(self, name: str) -> None:
        """`kubectl delete`: at once without finalizers, else when the last one is gone."""
        body = copied(self.objects[name])
        if not body["metadata"].get("finalizers"):
            self.lost.append(self.objects.pop(name))
            return
        body["metadata"].setdefault("deletionTimestamp", self._clock.stamp())
        self.put(name, body)

    def vanish(self, name: str) -> dict[str, Any]:
        """Gone whatever its finalizers say; answers what it was."""
        self.lost.append(self.objects.pop(name))
        return self.lost[-1]

    def restore(self, name: str, backup: Mapping[str, Any], *, status: bool) -> str:
        """Make it again from a backup: another uid, the annotations as they were."""
        uid = self.apply(name, backup["spec"], backup["metadata"].get("annotations"))
        body = copied(self.objects[name])
        if finalizers := backup["metadata"].get("finalizers"):
            body["metadata"]["finalizers"] = list(finalizers)
        if status:
            body["status"] = copied(backup["status"])
        self.chronicle.forget(uid)
        self.put(name, body)
        return uid

    def patch(self, name: str, patch: Mapping[str, Any], version: str, *, status: bool) -> dict[str, Any]:
        """As the API server does it, precondition and all."""
        body = self.objects.get(name)
        if body is None:
            raise ObjectGone(f"{name} not found")
        if body["metadata"]["resourceVersion"] != version:
            raise WriteConflict(f"{name} has been modified")
        after = copied(body)
        if status:
            after["status"] = merged(body.get("status") or {}, patch["status"])
            if len(repr(after["status"])) > self.largest:
                raise WriteRefused(500, "etcdserver: request is too large")
        else:
            after["metadata"] = merged(body["metadata"], patch["metadata"])
        after["metadata"]["resourceVersion"] = version
        if after == body:
            return copied(body)
        added = set(after["metadata"].get("finalizers") or ()) - set(body["metadata"].get("finalizers") or ())
        if added and "deletionTimestamp" in body["metadata"]:
            raise WriteRefused(422, "no new finalizers can be added if the object is being deleted")
        self.writes += 1
        return copied(self._put_or_remove(name, after))

    def _put_or_remove(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        stored = self.put(name, body)
        if "deletionTimestamp" in stored["metadata"] and not stored["metadata"].get("finalizers"):
            if left_alone(stored):
                self.lost.append(stored)
            if retained(stored):
                self.kept.add(stored["metadata"]["uid"])
            del self.objects[name]
        return stored


class ClusterWriter:
    """The port `Writer` for one process."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def patch_object(
        self, namespace: str, name: str, patch: Mapping[str, Any], *, resource_version: str
    ) -> dict[str, Any]:
        return await self._patch("patch_object", name, patch, resource_version, status=False)

    async def patch_status(
        self, namespace: str, name: str, patch: Mapping[str, Any], *, resource_version: str
    ) -> dict[str, Any]:
        return await self._patch("patch_status", name, patch, resource_version, status=True)

    async def read(self, namespace: str, name: str) -> dict[str, Any] | None:
        if await gate("read", done=False):
            raise ClusterUnreachable("the API server does not answer")
        return copied(self._cluster.objects.get(name)) if namespace == NAMESPACE else None

    async def list_pages(self, limit: int = 500) -> AsyncIterator[list[dict[str, Any]]]:
        yield [copied(body) for body in self._cluster.objects.values()]

    async def _patch(
        self, call: str, name: str, patch: Mapping[str, Any], version: str, *, status: bool
    ) -> dict[str, Any]:
        if await gate(call, done=False):
            raise ClusterUnreachable("the API server does not answer")
        answer = self._cluster.patch(name, patch, version, status=status)
        if await gate(call, done=True):
            raise ClusterUnreachable("the answer of the API server was lost")
        return answer


class Quiet:
    """Events that nobody reads."""

    def publish(self, *_: Any) -> None:
        pass
