"""One round of trouble: sessions are made, edited and deleted while both ways break and the operator dies.

All of it follows from the seed, but for the races, which are what it is for. What was done is kept in words.
"""

from __future__ import annotations

import json
import random
import time
import uuid

from tests.chaos import oracle
from tests.chaos.proxy import AFTER, BEFORE
from tests.chaos.stage import CANARIES, GROUP, MERGE, Stage, content, secret

SESSIONS = 20
OBJECT = r"/sessions/s\d+\?"
WRITES = (
    ("kubernetes", "PATCH", OBJECT),
    ("kubernetes", "PATCH", r"/sessions/s\d+/status"),
    ("claude", "POST", r"^/v1/sessions\?"),
    ("claude", "POST", r"^/v1/sessions/[^/]+\?"),
    ("claude", "POST", r"^/v1/sessions/[^/]+/events"),
    ("claude", "POST", r"^/v1/sessions/[^/]+/archive"),
    ("claude", "POST", r"^/v1/sessions/[^/]+/resources\?"),
    ("claude", "DELETE", r"^/v1/sessions/[^/]+/resources/"),
    ("claude", "POST", r"^/v1/files"),
    ("claude", "DELETE", r"^/v1/files"),
)
"""Every request by which the operator changes something."""
READS = (("claude", "GET", r"^/v1/sessions"), ("kubernetes", "GET", r"/sessions"))
REFUSALS = {"kubernetes": (409, 422, 429, 500, 503), "claude": (429, 500, 502, 503, 529)}
SIMULATOR = (
    {"kind": "rate_limit", "retry_after": 1.0},
    {"kind": "rate_limit"},
    {"kind": "garbage"},
    {"kind": "truncate"},
    {"kind": "answer", "status": 529},
    {"kind": "cut", "when": "after"},
)


class Cycle:
    """`Cycle(stage, seed, n).run()` raises what the oracle says."""

    def __init__(self, stage: Stage, seed: int, number: int) -> None:
        self.stage, self._random = stage, random.Random(f"{seed}/{number}")
        self.namespace = f"chaos-{number}-{uuid.UUID(int=self._random.getrandbits(128)).hex[:6]}"
        self.done: list[str] = []
        """What was done, in words."""
        self.faults = 0
        self._began = time.monotonic()
        self._specs: dict[str, dict] = {}

    def run(self) -> None:
        """The whole round."""
        stage = self.stage
        stage.clean()
        stage.kubectl("create", "namespace", self.namespace)
        stage.apply(secret(self.namespace, CANARIES["token"]), content(self.namespace, "first"))
        stage.run()
        for _ in range(self._random.randint(6, 12)):
            self._break()
        for n in range(SESSIONS):
            self._make(f"s{n}")
        stage.apply(*(self._manifest(name) for name in self._specs))
        for _ in range(self._random.randint(8, 14)):
            self._act()
            if self._random.random() < 0.5:
                self._break()
            time.sleep(self._random.uniform(0.0, 0.4))
            stage.mind()
        time.sleep(self._random.uniform(0.5, 2.0))
        self.faults = stage.kubernetes.hits() + stage.claude.hits() + len(stage.events)
        self.faults += sum(1 for call in stage.control.requests() if call["fault"] is not None)
        self._say("all is mended")
        stage.kubernetes.clear()
        stage.claude.clear()
        stage.control.clear_faults()
        stage.mind()
        oracle.quiet(stage, self.namespace)
        oracle.check(stage, self.namespace)

    def trace(self) -> str:
        """All that was done, in order."""
        return "\n".join([*self.done, self.stage.trace()])

    def _say(self, text: str) -> None:
        self.done.append(f"{time.monotonic() - self._began:7.2f} {text}")

    # what goes wrong

    def _break(self) -> None:
        dice = self._random
        if dice.random() < 0.2:
            effect = dice.choice(SIMULATOR)
            method, path = dice.choice([(m, p.removesuffix(r"\?")) for side, m, p in WRITES if side == "claude"])
            skip = dice.randint(0, 3)
            self._say(f"the API: {effect} at {method} {path} after {skip}")
            self.stage.control.fault(effect["kind"], method=method, path=path, skip=skip, **_rest(effect))
            return
        side, method, path = dice.choice(WRITES if dice.random() < 0.85 else READS)
        act = dice.choice([*BEFORE, *AFTER] if (side, method) != ("claude", "POST") else [*_ONCE])
        more = {"skip": dice.randint(0, 6), "seconds": dice.choice([0.3, 1.0, 3.0])}
        if act == "answer":
            more["status"] = dice.choice(REFUSALS[side])
        if act in ("drop", "cut", "answer"):
            more["times"] = dice.choice([1, 1, 2, 4])
        rule = (self.stage.kubernetes if side == "kubernetes" else self.stage.claude).add(act, method, path, **more)
        self._say(f"{side}: {rule} {more}")

    # what people do

    def _make(self, name: str) -> None:
        dice = self._random
        spec: dict = {"agent": {"id": "agent_sample"}, "environment": {"id": "env_sample"}, "title": f"{name} first"}
        if dice.random() < 0.5:
            spec["initialEvents"] = [{"type": "user.message", "text": f"Go {name} {self.namespace}."}]
        if dice.random() < 0.3:
            spec["metadata"] = {"team": dice.choice(["red", "blue"])}
        if dice.random() < 0.3:
            spec["resources"] = [self._mount("c")]
        self._specs[name] = spec

    def _act(self) -> None:
        name = self._random.choice(sorted(self._specs))
        usual = (self._title, self._title, self._team, self._files, self._delete, self._anew, self._archive)
        rare = (self._content_changes, self._asks, self._wipe, self._dies, self._freeze, self._old_manifest)
        act = self._random.choice((*usual, *rare))
        self._say(f"{name}: {act.__name__.strip('_')}")
        act(name)

    def _title(self, name: str) -> None:
        self._specs[name]["title"] = f"{name} {self._random.randint(0, 999)}"
        self._apply(name)

    def _team(self, name: str) -> None:
        self._specs[name]["metadata"] = {"team": self._random.choice(["green", "gray"])}
        self._apply(name)

    def _files(self, name: str) -> None:
        if self._specs[name].pop("resources", None) is None:
            self._specs[name]["resources"] = [self._mount("c")]
        else:
            self._specs[name]["resources"] = []
        self._apply(name)

    def _delete(self, name: str) -> None:
        self._specs.pop(name)
        self.stage.kubectl("delete", "session", name, "-n", self.namespace, "--wait=false")

    def _anew(self, name: str) -> None:
        """Deleted, and made again under the same name as soon as it is gone."""
        self.stage.kubectl("delete", "session", name, "-n", self.namespace, "--wait=false")
        self.stage.kubernetes.clear()
        self.stage.claude.clear()
        for _ in range(100):
            self.stage.mind()
            if name not in self.stage.sessions(self.namespace):
                break
            time.sleep(0.2)
        self._apply(name)

    def _archive(self, name: str) -> None:
        self._specs[name]["archived"] = True
        self._apply(name)

    def _content_changes(self, _: str) -> None:
        words = f"v{self._random.randint(0, 999)}"
        self.stage.apply(content(self.namespace, words), secret(self.namespace, CANARIES["renewed"]))

    def _asks(self, name: str) -> None:
        stamp = f"managedagents.dev/reconcile-requested-at={self._random.random()}"
        self.stage.kubectl("annotate", "session", name, "-n", self.namespace, "--overwrite", stamp)

    def _wipe(self, name: str) -> None:
        """Somebody takes the status away, as a restore without it does."""
        path = f"{GROUP}/namespaces/{self.namespace}/sessions/{name}/status"
        self.stage.api.patch(path, json={"status": None}, headers=MERGE)

    def _old_manifest(self, name: str) -> None:
        """kubectl replace with what was applied: claim and finalizer are not in it."""
        self._say(f"{name} replaced")
        manifest = self._manifest(name)
        self.stage.kubectl("replace", "-f", "-", input=_json(manifest), check=False)

    def _dies(self, _: str) -> None:
        self.stage.kill()

    def _freeze(self, _: str) -> None:
        self.stage.freeze(self._random.uniform(0.5, 3.0))

    # manifests

    def _apply(self, name: str) -> None:
        # Refused where an archived one is edited: then the spec stays as it is there.
        self.stage.kubectl("apply", "-f", "-", input=_json(self._manifest(name)), check=False)

    def _manifest(self, name: str) -> dict:
        head = {"apiVersion": "managedagents.dev/v1alpha1", "kind": "Session"}
        return {**head, "metadata": {"name": name, "namespace": self.namespace}, "spec": self._specs[name]}

    def _mount(self, name: str) -> dict:
        return {"name": name, "file": {"configMapKeyRef": {"name": "content", "key": "k"}, "mountPath": f"/{name}.txt"}}


_ONCE = tuple(act for act in (*BEFORE, *AFTER) if act != "twice")
"""A POST that the network doubles makes two sessions whatever the operator does."""


def _rest(effect: dict) -> dict:
    return {name: value for name, value in effect.items() if name != "kind"}


def _json(manifest: dict) -> str:
    return json.dumps(manifest)
