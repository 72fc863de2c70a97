"""The first acts of the tour: samples are applied, and a title is changed.

An act does something with kubectl, waits until it is seen on both sides, and gives what it found; it raises
witness.NotSeen when it wasn't. `demo.py` calls them in order, since each builds on those before it. The others are in
`mounts.py`, `endings.py` and `crash.py`.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

from managed_agents_local.tour.screen import Finding
from managed_agents_local.tour.sighting import Sighting
from managed_agents_local.tour.stage import Stage
from managed_agents_local.tour.witness import require

GOOD = ("bare", "mounts", "triage", "files", "replace")
WORKING = ("triage", "replace")
"""Those with first events."""
WRONG = "unknown-agent"
KINDS = {"file", "github_repository", "memory_store"}
TITLE = "Renamed with kubectl apply"


def samples(stage: Stage) -> Iterator[Finding]:
    """Apply all samples; the good ones become sessions, the wrong one is told."""
    stage.prompt.run(f"kubectl apply -f {stage.sample()}")
    stage.witness.until_true("Ready", GOOD)
    refused = stage.witness.until(f"{WRONG} turns InvalidSpec", _refused)
    seen = stage.witness.until_true("Finished", WORKING)
    stage.prompt.run("kubectl get sessions")
    yield _made(stage, seen)
    yield _mounted(stage)
    yield _worked(stage, seen["triage"])
    yield _told(stage, refused)


def title(stage: Stage) -> Iterator[Finding]:
    """Change a title in the manifest; it arrives at the same session."""
    before = stage.witness.the_one("bare")
    edit = f"sed 's/title: .*/title: {TITLE}/' {stage.sample('01-bare.yaml')}"
    stage.prompt.run(f"{edit} | kubectl apply -f -")
    stage.witness.until("the new title arrives at the API", lambda _: stage.witness.the_one("bare")["title"] == TITLE)
    after = stage.witness.the_one("bare")
    require(after["id"] == before["id"], f"bare keeps its session: {before['id']} became {after['id']}")
    updates = len(stage.witness.asked(f"/v1/sessions/{after['id']}"))
    require(updates == 1, f"one update carries the title: there were {updates}")
    yield Finding(
        "A title changed with kubectl apply arrived at the same session",
        (f'journal: {after["id"]} was "{before["title"]}", is "{after["title"]}"; request log: 1 update',),
    )


def _refused(seen: dict[str, Sighting]) -> Sighting | None:
    wrong = seen.get(WRONG)
    return wrong if wrong and wrong.condition("Ready").reason == "InvalidSpec" else None


def _made(stage: Stage, seen: dict[str, Sighting]) -> Finding:
    evidence = []
    for name in GOOD:
        remote = stage.witness.the_one(name)
        posts = len(stage.witness.creations(name))
        require(posts == 1, f"{name} was created by one POST: there were {posts}")
        require(seen[name].id == remote["id"], f"{name} names its session {remote['id']}: it names {seen[name].id!r}")
        evidence.append(f'{name}: {seen[name].readiness}; journal: {remote["id"]} "{remote["title"]}"; 1 POST')
    return Finding("Five manifests became five sessions, one POST each", tuple(evidence))


def _mounted(stage: Stage) -> Finding:
    mounts: list[dict[str, Any]] = stage.witness.the_one("mounts")["resources"]
    require({each["type"] for each in mounts} == KINDS, f"mounts has {', '.join(sorted(KINDS))}: it has {mounts}")
    secret = json.loads(stage.world.kubectl("get", "secret", "github", "-o", "json").stdout)
    token = base64.b64decode(secret["data"]["token"]).decode()
    [sent] = stage.witness.creations("mounts")
    require(token in json.dumps(sent["body"]), "the token of the Secret github is sent with the repository")
    stage.witness.unseen(token, "the token of the Secret github")
    places = ", ".join(f"{each['type']} at {each['mount_path']}" for each in mounts)
    return Finding(
        "A file, a private repository and a memory store were mounted",
        (
            f"journal: {places}",
            "the token in the POST is that of the Secret github; no Session and no log of the operator holds it",
        ),
    )


def _worked(stage: Stage, triage: Sighting) -> Finding:
    remote = stage.witness.the_one("triage")
    sent = len(remote["events"])
    require(sent == triage.first_events, f"triage got its {triage.first_events} first events once: it got {sent}")
    require(remote["budget"], "triage has the budget of its manifest at the API")
    require(triage.cost and triage.tokens, "cost and tokens of triage stand in its status")
    finished = triage.condition("Finished")
    return Finding(
        "First events started a turn that ended, within a budget",
        (
            f"journal: {sent} events, {remote['turns']} turn, budget ${remote['budget'] / 100:.2f}",
            f"triage: Finished {finished.status} ({finished.reason}), {triage.cost}, {triage.tokens:,} output tokens",
        ),
    )


def _told(stage: Stage, wrong: Sighting) -> Finding:
    posts = stage.witness.creations(WRONG)
    answers = [post["status"] for post in posts]
    require(answers == [404], f"{WRONG} was tried once and answered 404: the answers were {answers}")
    require(not stage.witness.remote(WRONG), f"{WRONG} has no session")
    return Finding(
        "A wrong manifest was told what is wrong, and not tried again",
        (f"{WRONG}: Ready {wrong.readiness}: {wrong.condition('Ready').message}", "request log: 1 POST, answered 404"),
    )
