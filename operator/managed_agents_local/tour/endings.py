"""The acts of the tour in which a session ends because a person wants it to: replaced, archived, its resource deleted.

Called by `demo.py` after `acts.py`, and in the order that stands there.
"""

from collections.abc import Iterator

from managed_agents_local.tour.screen import Finding
from managed_agents_local.tour.sighting import Sighting
from managed_agents_local.tour.stage import Stage
from managed_agents_local.tour.witness import require

PROMPT = "Be brief."
OTHER_PROMPT = "Be thorough."
ARCHIVE = 'kubectl patch session triage --type=merge -p \'{"spec": {"archived": true}}\''


def replaced(stage: Stage) -> Iterator[Finding]:
    """Change what a session can't change, where the spec allows another to take its place."""
    old = stage.witness.the_one("replace")
    edit = f"sed 's/{PROMPT}/{OTHER_PROMPT}/' {stage.sample('06-replace.yaml')}"
    stage.prompt.run(f"{edit} | kubectl apply -f -")
    seen = stage.witness.until("replace finishes with another session", lambda seen: _anew(seen["replace"], old["id"]))
    stage.prompt.run("kubectl events --for session/replace")
    journal = stage.witness.remote("replace")
    require(len(journal) == 2, f"one session takes the place of the other: the API made {len(journal)} in all")
    was, new = journal
    require(seen.id == new["id"], f"replace names its session {new['id']}: it names {seen.id}")
    require(seen.previous_ids == (was["id"],), f"replace keeps the old id {was['id']}: it keeps {seen.previous_ids}")
    require(was["archived_at"], f"{was['id']} of replace is archived at the API")
    require(was["archived_at"] < new["created_at"], f"{was['id']} is archived before {new['id']} is made")
    posts = [str(post["body"]) for post in stage.witness.creations("replace")]
    require(
        [OTHER_PROMPT in post for post in posts] == [False, True],
        f"one POST for each session, the second with the new prompt: there were {len(posts)}",
    )
    sent = len(new["events"])
    require(sent == seen.first_events, f"{new['id']} got the {seen.first_events} first events once: it got {sent}")
    yield Finding(
        "A prompt that a session can't change was changed, and another session took its place",
        (
            f"journal: {was['id']} archived, then {new['id']} made with the new prompt; {sent} first event sent to it",
            f"replace: id {seen.id}, previousIds {', '.join(seen.previous_ids)}",
        ),
    )


def archive(stage: Stage) -> Iterator[Finding]:
    """Ask for a session to be archived; its resource stays, and tells of it."""
    before = stage.witness.the_one("triage")
    require(not before["archived_at"], f"{before['id']} of triage lives before it is to be archived")
    stage.prompt.run(ARCHIVE)
    seen = stage.witness.until("triage turns Archived", _archived)
    stage.prompt.run("kubectl get session triage -o wide")
    after = stage.witness.the_one("triage")
    require(seen.condition("Ready").holds, f"triage is Ready, for so it was wanted: Ready is {seen.readiness}")
    require(
        seen.archived_at == after["archived_at"],
        f"{after['id']} of triage is archived at the API, and triage says when: "
        f"{after['archived_at']}, {seen.archived_at or 'nothing'}",
    )
    calls = len(stage.witness.asked(f"/v1/sessions/{after['id']}/archive"))
    require(calls == 1, f"the operator archived {after['id']} of triage by one call: there were {calls}")
    yield Finding(
        "spec.archived archived a session, and its resource stayed to tell of it",
        (
            f"journal: {after['id']} archived at {after['archived_at']}, not deleted; request log: 1 archive call",
            f"triage: Ready {seen.readiness}, archivedAt {seen.archived_at}",
        ),
    )


def deletion(stage: Stage) -> Iterator[Finding]:
    """Delete a resource; its session is archived and nothing worse."""
    before = stage.witness.the_one("mounts")
    require(not before["archived_at"], f"{before['id']} of mounts lives before its resource is deleted")
    stage.prompt.run("kubectl delete session mounts --wait=false")
    stage.witness.until("the resource mounts goes", lambda seen: "mounts" not in seen)
    after = stage.witness.the_one("mounts")
    require(after["archived_at"], f"{after['id']} of mounts is archived at the API")
    require(not after["deleted_at"], f"{after['id']} of mounts is archived, not deleted: deleted {after['deleted_at']}")
    calls = len(stage.witness.asked(f"/v1/sessions/{after['id']}/archive"))
    yield Finding(
        "Deleting a resource archived its session, and then the resource went",
        (f"journal: {after['id']} archived at {after['archived_at']}, not deleted; archive calls: {calls}",),
    )


def _anew(replace: Sighting, old: str) -> Sighting | None:
    return replace if replace.id not in ("", old) and replace.condition("Finished").holds else None


def _archived(seen: dict[str, Sighting]) -> Sighting | None:
    triage = seen["triage"]
    return triage if triage.condition("Ready").reason == "Archived" and triage.archived_at else None
