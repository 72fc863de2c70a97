"""What Argo CD and kstatus say of every state that the operator can tell of, and that it is what a person should see.

Argo CD's scripts run in a Lua interpreter with no more than Argo CD gives them, kstatus is the library itself.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.views import WALL
from tests.health import recording, verdicts
from tests.health.kstatus import kstatus
from tests.health.lua import health
from tests.health.recording import FILE, connection, each, reason
from tests.health.situations import CONNECTIONS

from managed_agents_operator.api.reasons.fares import FARES
from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.api.reasons.synced import FINISHED, SYNCED
from managed_agents_operator.engine.conditions import conditions
from managed_agents_operator.engine.verdict import Report

ROWS = list(each())
KINDS = ("Session", "Connection", "ClusterConnection")
NAMES = [f"{kind}: {situation}" for kind, situation, _ in ROWS]


def expected(kind, situation, body):
    if kind != "Session":
        return verdicts.CONNECTIONS[reason(body, "Ready")]
    return verdicts.DONE if situation in verdicts.DID_ITS_WORK else verdicts.session(*_both(body))


def _both(body):
    return reason(body, "Ready"), reason(body, "Synced")


def test_the_recorded_statuses_are_what_the_engine_says():
    assert FILE.read_text() == recording.text(), "write it anew: make argocd"


def test_every_reason_has_a_verdict_and_a_recorded_status():
    """A reason that nobody thought of here is not finished."""
    told = {type_: {reason(b, type_) for kind, _, b in ROWS if kind == "Session"} for type_ in ("Ready", "Synced")}
    finished = {reason(body, "Finished") for kind, _, body in ROWS if kind == "Session"}
    assert set(READY) == set(verdicts.READY) == told["Ready"]
    assert set(SYNCED) == set(verdicts.SYNCED) == told["Synced"]
    assert set(FINISHED) == finished - {None}
    assert set(FARES) == set(verdicts.CONNECTIONS) == {reason(b, "Ready") for kind, _, b in ROWS if kind != "Session"}


@pytest.mark.parametrize(("kind", "situation", "body"), ROWS, ids=NAMES)
def test_argo_cd(kind, situation, body):
    """Where something is to be done, the message says what, as a condition does."""
    state, message = health(kind, body)
    assert state == expected(kind, situation, body)[0]
    texts = {f"{c['reason']}: {c['message']}" for c in body["status"]["conditions"]}
    assert message in texts or situation in verdicts.DID_ITS_WORK


@pytest.mark.parametrize("situation", CONNECTIONS)
def test_argo_cd_judges_both_kinds_of_connections_alike(situation):
    facts = CONNECTIONS[situation]
    one, other = (health(kind, connection(kind, facts)) for kind in ("Connection", "ClusterConnection"))
    assert one == other


def test_kstatus():
    """By one run of the library for all of them."""
    verdict = dict(zip(NAMES, kstatus([body for _, _, body in ROWS]), strict=True))
    assert {name: status for name, (status, _) in verdict.items()} == {
        name: expected(*row)[1] for name, row in zip(NAMES, ROWS, strict=True)
    }
    for name, (_, _, body) in zip(NAMES, ROWS, strict=True):
        if verdict[name][0] == "Failed":
            assert verdict[name][1] in {c["message"] for c in body["status"]["conditions"]}, name


def _written(ready, synced, finished):
    report = Report(ready, f"{ready} it is", synced, f"{synced} it is")
    rows = conditions((), report, finished, 1, WALL)
    status = {"observedGeneration": 1, "conditions": [c.model_dump(mode="json", by_alias=True) for c in rows]}
    return {
        "apiVersion": "managedagents.dev/v1alpha1",
        "kind": "Session",
        "metadata": {"generation": 1},
        "status": status,
    }


def test_every_two_reasons_that_could_meet():
    """More than the ladder ever says together: no pair takes the scripts or kstatus by surprise."""
    pairs = [(ready, synced) for ready in READY for synced in SYNCED if ready != "Deleting"]
    bodies = [_written(*pair, None) for pair in pairs]
    argo = {pair: health("Session", body)[0] for pair, body in zip(pairs, bodies, strict=True)}
    flux = {pair: status for pair, (status, _) in zip(pairs, kstatus(bodies), strict=True)}
    assert {pair: (argo[pair], flux[pair]) for pair in pairs} == {pair: verdicts.session(*pair) for pair in pairs}


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["True", "False", "Ready", "Stalled", "new"]),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(["type", "status", "x"]), one, max_size=3),
    max_leaves=6,
)
ASPECT = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["Ready", "Synced", "Finished", "Reconciling", "Stalled", "Dreaming"]),
        "status": st.sampled_from(["True", "False", "Unknown"]),
        "reason": st.sampled_from(["Idle", "Archived", "Terminated", "Suspended", "FromTheFuture"]) | ODD,
        "message": st.sampled_from(["", "said"]) | ODD,
    },
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "metadata": ODD | st.fixed_dictionaries({"generation": st.integers(1, 2)}),
        "status": ODD
        | st.fixed_dictionaries({"conditions": st.lists(ASPECT | ODD, max_size=4) | ODD, "observedGeneration": ODD}),
    },
)


@pytest.mark.parametrize("kind", KINDS)
@given(body=BODIES)
def test_no_object_is_too_odd(kind, body):
    """Of a newer operator, an older one, or none: it has a health, and the script does not fail."""
    health(kind, body)


WAITING = [
    ("nothing was looked at yet", {}, "Progressing"),
    ("the default of the CRD", {"observedGeneration": -1}, "Progressing"),
    ("no conditions", {"observedGeneration": 2}, "Progressing"),
    ("an older spec is ready", {"observedGeneration": 1, "conditions": ["True"]}, "Progressing"),
    ("an operator that counts no generations", {"conditions": ["True"]}, "Healthy"),
    ("this spec is ready", {"observedGeneration": 2, "conditions": ["True"]}, "Healthy"),
    ("a status of a newer one", {"observedGeneration": 2, "conditions": ["Unknown"]}, "Progressing"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("why", "status", "state"), WAITING, ids=[row[0] for row in WAITING])
def test_before_the_operator_has_spoken_of_this_spec(kind, why, status, state):
    rows = [{"type": "Ready", "status": one, "reason": "New", "message": "m"} for one in status.get("conditions", [])]
    shown = status | ({"conditions": rows} if rows else {})
    assert health(kind, {"metadata": {"generation": 2}, "status": shown})[0] == state, why
