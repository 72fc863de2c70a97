"""What people and their tools do to the Sessions of one round: apply, edit, delete, wipe, replace, put a backup back.

Used by the rounds (cycle.py). What the judge can't expect after that is noted here.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable

from tests.chaos.stage import CANARIES, GROUP, MERGE, Stage, content, secret

PATIENCE = 20.0


class People:
    """`specs` is what they want now, by name."""

    def __init__(self, stage: Stage, namespace: str, dice: random.Random, say: Callable[[str], None]) -> None:
        self._stage, self._namespace, self._random, self._say = stage, namespace, dice, say
        self.specs: dict[str, dict] = {}
        self.lost: set[str] = set()
        """Uids of resources that went without asking anybody: their sessions may be left."""
        self.ended: set[str] = set()
        """Names of resources that came back from a backup, and whose sessions had ended by then."""
        self._saved: dict[str, str] | None = None
        self._usual = (self.title, self.title, self.team, self.files, self.delete, self.anew, self.archive, self.agent)
        self._rare = (self.content, self.ask, self.wipe, self.old_manifest, self.by_force)

    def act(self) -> None:
        """One of them does something."""
        name, act = self._random.choice(sorted(self.specs)), self._random.choice((*self._usual, *self._rare))
        self._say(f"{name}: {act.__name__}")
        act(name)

    def make(self, name: str) -> None:
        """One more is wanted."""
        dice = self._random
        spec: dict = {"agent": {"id": "agent_sample"}, "environment": {"id": "env_sample"}, "title": f"{name} first"}
        if dice.random() < 0.5:
            spec["initialEvents"] = [{"type": "user.message", "text": f"Go {name} {self._namespace}."}]
        if dice.random() < 0.3:
            spec["metadata"] = {"team": dice.choice(["red", "blue"])}
        if dice.random() < 0.3:
            spec["resources"] = [self._mount("c")]
        if dice.random() < 0.3:
            spec["onImmutableChange"] = "Replace"
        self.specs[name] = spec

    def apply_all(self) -> None:
        """All that is wanted, and nothing else, as GitOps tools do."""
        for name in self._stage.sessions(self._namespace).keys() - self.specs.keys():
            self._delete(name)
        everything = "\n".join(json.dumps(self._manifest(name)) for name in self.specs)
        self._kubectl("apply", "-f", "-", input=everything, check=False)

    def ask_all(self) -> None:
        """Look at every one of them again."""
        self._kubectl("annotate", "session", "--all", "--overwrite", self._stamp(), check=False)

    # edits

    def title(self, name: str) -> None:
        self.specs[name]["title"] = f"{name} {self._random.randint(0, 999)}"
        self._apply(name)

    def team(self, name: str) -> None:
        self.specs[name]["metadata"] = {"team": self._random.choice(["green", "gray"])}
        self._apply(name)

    def files(self, name: str) -> None:
        if self.specs[name].pop("resources", None) is None:
            self.specs[name]["resources"] = [self._mount("c")]
        else:
            self.specs[name]["resources"] = []
        self._apply(name)

    def agent(self, name: str) -> None:
        """What can't be changed in a session; another one takes its place, where that is wanted."""
        if self.specs[name].get("onImmutableChange") == "Replace":
            overrides = {"system": f"Number {self._random.randint(0, 999)}."}
            self.specs[name]["agent"] = {"id": "agent_sample", "overrides": overrides}
            self._apply(name)

    def archive(self, name: str) -> None:
        self.specs[name]["archived"] = True
        self._apply(name)

    def delete(self, name: str) -> None:
        self.specs.pop(name)
        self._delete(name)

    def anew(self, name: str) -> None:
        """Deleted, and made again under the same name as soon as it is gone."""
        self._delete(name)
        self._stage.kubernetes.release()
        self._stage.claude.release()
        self._gone(name)
        self._apply(name)

    def by_force(self, name: str) -> None:
        """Its finalizer is taken away, so that it is gone at once, and it is made again."""
        there = self._stage.sessions(self._namespace).get(name)
        if there is None:
            return
        self.lost.add(there["metadata"]["uid"])
        path = f"{GROUP}/namespaces/{self._namespace}/sessions/{name}"
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._uid(name) == there["metadata"]["uid"]:
            self._stage.api.delete(path)
            self._stage.api.patch(path, json={"metadata": {"finalizers": None}}, headers=MERGE)
        self._apply(name)

    def content(self, _: str) -> None:
        words = f"v{self._random.randint(0, 999)}"
        self._stage.apply(content(self._namespace, words), secret(self._namespace, CANARIES["renewed"]))

    def ask(self, name: str) -> None:
        self._kubectl("annotate", "session", name, "--overwrite", self._stamp())

    def wipe(self, name: str) -> None:
        """Somebody takes the status away, as a restore without it does."""
        path = f"{GROUP}/namespaces/{self._namespace}/sessions/{name}/status"
        self._stage.api.patch(path, json={"status": None}, headers=MERGE)

    def old_manifest(self, name: str) -> None:
        """kubectl replace with what was applied: claim and finalizer are not in it."""
        self._kubectl("replace", "-f", "-", input=json.dumps(self._manifest(name)), check=False)

    # backups of the cluster

    def save(self) -> None:
        """A backup of the whole cluster."""
        self._stage.backup()
        self._saved = self._uids()

    def restore(self) -> None:
        """The cluster is what it was at the backup; what is wanted is applied again."""
        if self._saved is None:
            return
        now = self._uids()
        self.lost |= set(now.values()) - set(self._saved.values())
        self.ended |= {name for name, uid in self._saved.items() if now.get(name) != uid}
        self._stage.restore()
        self.apply_all()

    def _uids(self) -> dict[str, str]:
        return {name: body["metadata"]["uid"] for name, body in self._stage.sessions(self._namespace).items()}

    # manifests

    def _delete(self, name: str) -> None:
        """Whatever has no finalizer, as before the operator saw it or after a replacement, is gone at once."""
        uid = self._uid(name)
        answer = self._stage.api.delete(f"{GROUP}/namespaces/{self._namespace}/sessions/{name}").json()
        if answer.get("kind") == "Status" and uid is not None:
            self.lost.add(uid)

    def _uid(self, name: str) -> str | None:
        return self._uids().get(name)

    def _gone(self, name: str) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and name in self._stage.sessions(self._namespace):
            self._stage.mind()
            time.sleep(0.2)

    def _kubectl(self, *args: str, **options: object) -> None:
        self._stage.kubectl(*args, "-n", self._namespace, **options)

    def _stamp(self) -> str:
        return f"managedagents.dev/reconcile-requested-at={self._random.random()}"

    def _apply(self, name: str) -> None:
        # Refused where an archived one is edited: then the spec stays as it is there.
        self._kubectl("apply", "-f", "-", input=json.dumps(self._manifest(name)), check=False)

    def _manifest(self, name: str) -> dict:
        head = {"apiVersion": "managedagents.dev/v1alpha1", "kind": "Session"}
        return {**head, "metadata": {"name": name, "namespace": self._namespace}, "spec": self.specs[name]}

    def _mount(self, name: str) -> dict:
        return {"name": name, "file": {"configMapKeyRef": {"name": "content", "key": "k"}, "mountPath": f"/{name}.txt"}}
