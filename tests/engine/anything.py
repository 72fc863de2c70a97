"""Views of anything at all: whatever resource, memory and sight may come together in one pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from tests.engine.views import (
    BLOCKED,
    BOOT,
    FOREIGN,
    GONE,
    ID,
    LATER,
    LINK,
    NOW,
    REFUSED,
    UNCLEAR,
    WALL,
    backoff,
    claim,
    created,
    found,
    known,
    marker,
    memory,
    permit,
    ready,
    refusal,
    remote,
    resource,
    spec,
    stamp,
    view,
)

from managed_agents_operator.engine.external import Link, Rival, Version
from managed_agents_operator.engine.looks import (
    Absent,
    Content,
    Delivery,
    LookAgent,
    LookContents,
    LookFile,
    LookKickoff,
    LookOwner,
    LookSession,
    LookStop,
    LookStray,
    LookTokens,
    OwnFile,
    Stop,
    Stray,
)
from managed_agents_operator.engine.remote import Mount

SHUT = Link(workspace="wrkspc_1", keeps_metadata=True, blocked=BLOCKED, retry_at=NOW + 9)
TRIAL = replace(SHUT, trial=True)


EVENTS = [{"type": "user.message", "text": "go"}]
FILES = [
    {"name": "data", "file": {"fileId": "file_1", "mountPath": "/data"}},
    {"name": "notes", "file": {"configMapKeyRef": {"name": "cm", "key": "k"}, "mountPath": "/notes"}},
    {
        "name": "repo",
        "githubRepository": {
            "url": "https://github.com/o/r",
            "authorizationTokenSecretRef": {"name": "gh", "key": "t"},
        },
    },
]
MOUNTS = (
    Mount(id="sesrsc_1", type="file", mount_path="/data", file_id="file_copy"),
    Mount(id="sesrsc_2", type="file", mount_path="/notes", file_id="file_copy2"),
    Mount(id="sesrsc_3", type="github_repository", mount_path="/workspace/r", url="https://github.com/o/r"),
)
SHOWN = [
    {"name": "data", "id": "sesrsc_1", "source": {"kind": "File", "fileId": "file_1"}},
    {
        "name": "notes",
        "id": "sesrsc_2",
        "source": {"kind": "ConfigMap", "name": "cm", "key": "k", "fileId": "file_own"},
    },
    {"name": "gone", "id": "sesrsc_4", "source": {}},
]
REMOTES = [
    remote(),
    remote(mounts=()),
    remote(mounts=MOUNTS),
    remote(mounts=(*MOUNTS, Mount(id="sesrsc_4", type="file", mount_path="/gone")), created_at=stamp(-9000)),
    remote(state="running"),
    remote(state="dreaming", seen_at=NOW - 99),
    remote(state="terminated"),
    remote(archived_at=stamp()),
    remote(marked=marker(uid="uid-old")),
    remote(marked=marker(uid="uid-x")),
    remote(marked={}, listed=True),
    remote(usage={"outputTokens": 3}, worked=True, title="t", budget="100"),
]
STRAYS = [remote(id="sesn_2"), remote(id="sesn_3", state="running"), remote(id="sesn_4", archived_at=stamp())]
SPECS = [
    spec(),
    spec(suspend=True),
    spec(initialEvents=EVENTS),
    spec(title="t", metadata={"a": "b"}, budget={"removed": True}),
    spec(agent={"id": "agent_2", "overrides": {"tools": [{"type": "bash"}]}}),
    spec(deletionPolicy="Delete"),
    spec(deletionPolicy="Retain"),
    spec(resources=FILES),
    spec(resources=FILES[1:2], deletionPolicy="Retain"),
    spec(archived=True, resources=FILES[1:]),
    spec(ttlSecondsAfterIdle=10, initialEvents=EVENTS),
    spec(ttlSecondsAfterCreation=10, ttlSecondsAfterIdle=99_999),
    spec(agent={"id": "agent_2"}, onImmutableChange="Replace", onLost="Replace"),
    spec(onLost="Replace", resources=FILES[:1]),
    {"sessionId": ID},
    spec(sessionId="sesn_7", onImmutableChange="Replace"),
    {"sessionId": ID, "managementPolicy": "Observe"},
    spec(managementPolicy="Observe"),
]
STATUSES = [
    {},
    known(),
    known(archivedAt=stamp()),
    known(state="terminated"),
    known(createdFrom="other"),
    known(kickoff={"tries": 1, "at": stamp(-9)}),
    known(kickoff={"state": "Sent"}),
    known(kickoff={"state": "Doubtful"}),
    known(workspaceId=None, incarnation=None),
    {"creation": {"n": 1, "by": "process-1", "at": stamp(-60), "outcome": "Refused", "generation": 1}},
    {"incarnation": 1, "conditions": [ready("WrongWorkspace", status="False")]},
    known(resources=SHOWN, stopReason="end_turn", idleSince=stamp(-8000)),
    known(resources=[], conditions=[ready("MassLoss", status="False")]),
    known(kickoff={"state": "Sent"}, archivedAt=stamp(), conditions=[ready("Archived")]),
    {"id": ID},
]
SELDOM = [
    claim(n=2, replaces="sesn_0"),
    claim(n=2, replaces=ID, uploads=True),
    claim(adopts=ID),
    claim(uploads=True, keys=("a",)),
    claim(repaired=True),
]
RESOURCES = st.builds(
    lambda wish, status, claimed, **more: resource(wish=wish, status=status, claimed=claimed, **more),
    wish=st.sampled_from(SPECS),
    status=st.sampled_from(STATUSES),
    claimed=st.sampled_from([None, claim(), claim(n=2), claim(by="process-2"), FOREIGN, "{", *SELDOM]),
    guarded=st.booleans(),
    deleting=st.booleans(),
    generation=st.integers(1, 2),
    annotations=st.sampled_from([{}, {"managedagents.dev/reconcile-requested-at": "1"}]),
)
MEMORIES = st.builds(
    memory,
    claim_seen_at=st.sampled_from([NOW - 1000, NOW - 5]),
    kick_seen_at=st.sampled_from([None, NOW - 1000, NOW - 5]),
    kick_listings=st.integers(0, 3),
    kick_listed_at=st.sampled_from([NOW - 1, NOW - 2000]),
    settled=st.sampled_from([None, claim().text]),
    unanswered=st.sampled_from([None, claim()]),
    permit=st.sampled_from([None, permit(resource(claimed=claim())), permit(resource(), deadline=BOOT)]),
    created=st.sampled_from([None, created(), created(remote(id="sesn_9")), created(by_post=False)]),
    kick_permit=st.sampled_from([None, (f"{ID}/0/", BOOT + 1)]),
    kick_settled=st.sampled_from([None, f"{ID}/0/"]),
    interrupted=st.sampled_from([None, (ID, NOW - 10), (ID, NOW - 400)]),
    backoff=st.sampled_from([None, backoff(LATER), backoff(UNCLEAR, until=NOW - 1), backoff(REFUSED)]),
    refusals=st.sampled_from([{}, {"title": refusal(), "end": refusal()}, {"create": refusal()}]),
    asked=st.sampled_from([None, ("1", NOW - 4)]),
    poll_at=st.sampled_from([0.0, NOW + 4]),
    fresh_after=st.sampled_from([float("-inf"), NOW]),
    last_id=st.sampled_from([None, ID]),
    retry=st.booleans(),
    missing=st.sampled_from([{}, {"notes": "k is missing"}]),
    no_files=st.sampled_from([{}, {"file_1": NOW - 5}, {"file_1": NOW - 5000}]),
    upload_doubt=st.sampled_from([None, (NOW - 10, 2), (NOW - 1000, 2)]),
    gone_since=st.sampled_from([None, (ID, NOW - 10), (ID, NOW - 1000)]),
    last_stop=st.sampled_from([None, ID]),
    ended=st.sampled_from([None, ID]),
)
OWN = OwnFile("file_own", "notes", "d1")
RIVALS = (
    Rival("team", "elder", "uid-0", WALL - timedelta(days=1), has_it=False),
    Rival("team", "younger", "uid-1", WALL, has_it=True),
)


def at_least(many: int) -> settings:
    """So many values in CI, and half of them for people, whose next run tries others; as many as any test at night."""
    most = settings.default.max_examples
    return settings(max_examples=max(many * min(most, 100) // 100, most))


@st.composite
def sights(draw):
    """What may be seen, of any of the looks that a pass may have taken."""
    one = draw(st.sampled_from([None, *REMOTES]))
    gone = draw(st.sampled_from([None, Absent("wrkspc_1", NOW), Absent("wrkspc_2", NOW), Absent(None, NOW - 99)]))
    answers = {
        LookSession(ID): [*REMOTES, GONE],
        LookAgent("agent_1"): [True, False, UNCLEAR],
        LookTokens(): ["", "gh is missing"],
        LookOwner("team", "x"): ["uid-x", ""],
        LookFile("file_1"): [True, False, UNCLEAR],
        LookContents(("notes",)): [{"notes": Content("d1", "u", "1")}, {"notes": "k is missing"}],
        LookSession("sesn_7"): [remote(id="sesn_7", marked={}), GONE],
        LookKickoff(ID): [Delivery(None, False), Delivery(("sevt_1",), False), Delivery(None, True), UNCLEAR],
        LookStop(ID): [Stop(None), Stop("end_turn", stamp(), own=True), UNCLEAR],
        LookStray("sesn_2"): [Stray(STRAYS[0], False), Stray(STRAYS[0], True), Absent(None, NOW)],
    }
    seen = {look: draw(st.sampled_from(options)) for look, options in answers.items() if draw(st.booleans())}
    return {
        "remote": None if gone else one,
        "absent": gone,
        "strays": tuple(draw(st.lists(st.sampled_from(STRAYS), unique_by=lambda r: r.id))),
        "missing_at": draw(st.sampled_from([None, NOW - 3])),
        "search": draw(
            st.sampled_from([None, found(), found(remote()), found(began_at=NOW - 2, workspace=None, any_since=False)])
        ),
        "link": draw(st.sampled_from([LINK, SHUT, TRIAL, Link(), Link(unreachable_since=NOW - 400, swept_at=NOW)])),
        "sources": draw(
            st.sampled_from([{}, {("ConfigMap", "cm"): Version("u", "1"), ("Secret", "gh"): Version("s", "2")}])
            | st.just({("ConfigMap", "cm"): None, ("Secret", "gh"): None})
        ),
        "uploads": draw(st.sampled_from([None, (), (OWN,), (OWN, OwnFile("file_old", "notes", "d0"))])),
        "uploads_at": draw(st.sampled_from([float("-inf"), NOW - 5])),
        "rivals": draw(st.sampled_from([(), RIVALS[:1], RIVALS[1:]])),
        "mass_loss": draw(st.booleans()),
        "seen": seen,
    }


VIEWS = st.builds(lambda of, kept, seen: view(of, memory_=kept, **seen), RESOURCES, MEMORIES, sights())


def answered(v, look, data):
    """As the reconciler does it: what is seen goes into the sight, and into what is known of the session."""
    answers = {
        LookSession: lambda: data.draw(
            st.sampled_from([*(replace(r, id=look.id, seen_at=NOW) for r in REMOTES), None])
        ),
        LookAgent: lambda: data.draw(st.booleans()),
        LookTokens: lambda: data.draw(st.sampled_from(["", "missing"])),
        LookOwner: lambda: data.draw(st.sampled_from(["uid-x", "uid-old", ""])),
        LookFile: lambda: data.draw(st.booleans()),
        LookContents: lambda: {
            name: data.draw(st.sampled_from([Content("d1", "u", "1"), Content("d2", "u", "2"), "missing"]))
            for name in look.mounts
        },
        LookKickoff: lambda: data.draw(st.sampled_from([Delivery(None, False), Delivery(("sevt_1",), True)])),
        LookStop: lambda: data.draw(
            st.sampled_from([Stop(None), Stop("end_turn", stamp(), own=True), Stop("requires_action", stamp(-9000))])
        ),
        LookStray: lambda: data.draw(
            st.sampled_from([Stray(remote(id=look.id), False), Stray(remote(id=look.id), True)])
        ),
    }
    seen = answers[type(look)]()
    sight = v.sight
    if isinstance(look, LookSession):
        gone = Absent("wrkspc_1", NOW) if seen is None else None
        seen = replace(seen, listed=False) if seen is not None else gone
        if look.id == v.id:
            sight = replace(sight, remote=None if gone else seen, absent=gone)
        elif not gone:
            sight = replace(sight, strays=tuple(seen if r.id == look.id else r for r in sight.strays))
        else:
            sight = replace(sight, strays=tuple(r for r in sight.strays if r.id != look.id))
    missing = v.memory.missing
    if isinstance(look, LookContents):
        missing = {**missing, **{k: x for k, x in seen.items() if isinstance(x, str)}}
    no_files = {**v.memory.no_files, **({look.id: NOW} if isinstance(look, LookFile) and not seen else {})}
    memory_ = replace(v.memory, missing=missing, no_files=no_files)
    return replace(v, memory=memory_, sight=replace(sight, seen={**sight.seen, look: seen}))
