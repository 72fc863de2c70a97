"""One round of trouble: sessions are made, edited and deleted while both ways break and the operator dies.

All of it follows from the seed, but for the races, which are what it is for. What was done is kept in words.
"""

from __future__ import annotations

import random
import time
import uuid

from tests.chaos import oracle
from tests.chaos.answers import EXPIRED, PAGE
from tests.chaos.people import People
from tests.chaos.proxy import AFTER, ANY, BEFORE
from tests.chaos.stage import CANARIES, Stage, content, secret

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
REFUSALS = {"kubernetes": (409, 413, 422, 429, 500, 503), "claude": (429, 500, 502, 503, 529)}
SIMULATOR = (
    {"kind": "rate_limit", "retry_after": 1.0},
    {"kind": "rate_limit"},
    {"kind": "garbage"},
    {"kind": "truncate"},
    {"kind": "answer", "status": 529},
    {"kind": "cut", "when": "after"},
)
MODES = (
    {"list_lag_seconds": 1.5},
    {"extra_fields": True},
    {"page_maximum": 10, "page_size": 5},
    {"status_words": {"idle": "resting"}},
    {"workspace_header": False},
    {"null_updated_at": True},
    {"files_list_lag_seconds": 1.0},
    {"touch_on_every_post": True, "empty_title": True},
    {"empty_resource_answers": True, "send_body": False},
    {"root_mount_paths": False, "new_file_ids": False},
)
"""What servers differ in; a word that nobody knows stays to the end of a round."""
JUMPS = (-3600, -90, 90, 3600, 86400)
FOR_EVER = 10**6


class Cycle:
    """`Cycle(stage, seed, n).run()` raises what the oracle says."""

    def __init__(self, stage: Stage, seed: int, number: int) -> None:
        self.stage, self._random = stage, random.Random(f"{seed}/{number}")
        self.namespace = f"chaos-{number}-{uuid.UUID(int=self._random.getrandbits(128)).hex[:6]}"
        self.done: list[str] = []
        """What was done, in words."""
        self.faults = 0
        self._began, self._was_elsewhere = time.monotonic(), False
        self.people = People(stage, self.namespace, self._random, self._say)
        disasters = (self._down, self._cluster_away, self._backup, self._revoked, self._elsewhere, self._watches_expire)
        self._disasters = self._random.sample(disasters, k=self._random.choice([0, 1, 1, 2]))

    def run(self) -> None:
        """The whole round."""
        stage, dice = self.stage, self._random
        stage.clean()
        stage.kubectl("create", "namespace", self.namespace)
        stage.apply(secret(self.namespace, CANARIES["token"]), content(self.namespace, "first"))
        if dice.random() < 0.6:
            self._mode()
        stage.run()
        for _ in range(dice.randint(12, 18)):
            self._break()
        for n in range(SESSIONS):
            self.people.make(f"s{n}")
        self.people.apply_all()
        for _ in range(dice.randint(8, 14)):
            self._act()
            for _ in range(dice.randint(0, 2)):
                self._break()
            time.sleep(dice.uniform(0.0, 0.3))
            stage.mind()
        while self._disasters:
            self._disaster()
        time.sleep(dice.uniform(0.3, 1.5))
        self.faults = stage.kubernetes.hits() + stage.claude.hits() + len(stage.events)
        self.faults += sum(1 for call in stage.control.requests() if call["fault"] is not None)
        self._mend()
        oracle.quiet(stage, self.namespace)
        oracle.check(stage, self.namespace, self.people.lost, self.people.ended, elsewhere=self._was_elsewhere)

    def trace(self) -> str:
        """All that was done, in order."""
        return "\n".join([*self.done, self.stage.trace()])

    def _say(self, text: str) -> None:
        self.done.append(f"{time.monotonic() - self._began:7.2f} {text}")

    def _mend(self) -> None:
        self._say("all is mended")
        self.stage.kubernetes.clear()
        self.stage.claude.clear()
        self.stage.control.clear_faults()
        self.stage.own_key()
        self.stage.clock.jump(0)
        self.stage.mind()
        self.people.apply_all()
        self.people.ask_all()

    # what goes wrong

    def _act(self) -> None:
        dice = self._random
        if self._disasters and dice.random() < 0.25:
            self._disaster()
        elif dice.random() < 0.2:
            act = dice.choice([self.stage.kill, self.stage.freeze, self._jump])
            self._say(act.__name__.strip("_"))
            act()
        else:
            self.people.act()

    def _disaster(self) -> None:
        disaster = self._disasters.pop()
        self._say(disaster.__name__.strip("_"))
        disaster()

    def _mode(self) -> None:
        mode = self._random.choice(MODES)
        self._say(f"the API is one of those with {mode}")
        self.stage.control.modes(**mode)

    def _break(self) -> None:
        dice = self._random
        if dice.random() < 0.2:
            effect = dice.choice(SIMULATOR)
            method, path = dice.choice([(m, p.removesuffix(r"\?")) for side, m, p in WRITES if side == "claude"])
            skip = dice.choice([0, 0, 1, 3])
            self._say(f"the API: {effect} at {method} {path} after {skip}")
            self.stage.control.fault(effect["kind"], method=method, path=path, skip=skip, **_rest(effect))
            return
        side, method, path = dice.choice(WRITES if dice.random() < 0.8 else READS)
        act = dice.choice([act for act in (*BEFORE, *AFTER) if _possible(act, side, method)])
        more = {"skip": dice.choice([0, 0, 0, 1, 2, 5, 9]), "seconds": dice.choice([0.3, 1.0, 3.0])}
        if act == "answer":
            more["status"] = dice.choice(REFUSALS[side])
            more["body"] = dice.choice([b"{}", PAGE, b""])
        if act in ("drop", "cut", "answer"):
            more["times"] = dice.choice([1, 1, 2, 4])
        rule = (self.stage.kubernetes if side == "kubernetes" else self.stage.claude).add(act, method, path, **more)
        self._say(f"{side}: {rule} {more}")

    def _jump(self) -> None:
        if self.stage.clock.jumps:
            self.stage.clock.jump(self._random.choice(JUMPS))

    def _down(self) -> None:
        """Neither side can be reached."""
        both = self._random.choice([(self.stage.claude,), (self.stage.kubernetes, self.stage.claude)])
        rules = [(way, way.add("drop", ANY, "", times=FOR_EVER)) for way in both]
        for way in both:
            way.sever()
        self._meanwhile(3.0)
        for way, rule in rules:
            way.remove(rule)

    def _cluster_away(self) -> None:
        """The API server is started anew."""
        self.stage.cluster.restart_apiserver()

    def _backup(self) -> None:
        """The cluster is put back to what it was some edits ago."""
        self.people.save()
        self.stage.mind()
        for _ in range(4):
            self.people.act()
            self.stage.mind()
        time.sleep(1.0)
        self.people.restore()

    def _revoked(self) -> None:
        """The key is refused for a while."""
        self.stage.revoke()
        self._meanwhile(1.5)
        self.stage.own_key()

    def _elsewhere(self) -> None:
        """The key is one of another workspace for a while."""
        self._was_elsewhere = True
        self.stage.other_workspace()
        self._meanwhile(1.5)
        self.stage.own_key()

    def _watches_expire(self) -> None:
        """Every watch ends, and can't be taken up where it was."""
        self.stage.kubernetes.add("answer", "GET", "watch=true", status=200, body=EXPIRED, times=2)
        self.stage.kubernetes.sever()

    def _meanwhile(self, seconds: float) -> None:
        for _ in range(2):
            self.people.act()
        time.sleep(seconds)
        self.stage.mind()


def _possible(act: str, side: str, method: str) -> bool:
    """A POST that the network doubles makes two sessions whatever the operator does; only reads have an old answer."""
    if act == "old":
        return method == "GET"
    return act != "twice" or (side, method) != ("claude", "POST")


def _rest(effect: dict) -> dict:
    return {name: value for name, value in effect.items() if name != "kind"}
