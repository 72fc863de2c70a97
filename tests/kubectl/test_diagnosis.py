"""What the matter is with a Session, by its resource alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from managed_agents_kubectl.diagnosis import diagnose
from managed_agents_operator.api.reasons.ready import READY
from managed_agents_operator.api.session import FINALIZER

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
OLD, YOUNG = "2026-11-28T11:00:00Z", "2026-11-28T11:59:50Z"


def condition(type_, status, reason, message="what is, and what to do"):
    return {"type": type_, "status": status, "reason": reason, "message": message}


def body(*conditions, generation=2, seen=2, made=OLD, **meta):
    known = {"name": "triage", "namespace": "team", "generation": generation, "creationTimestamp": made}
    return {"metadata": known | meta, "status": {"observedGeneration": seen, "conditions": list(conditions)}}


def ready(reason, status="True"):
    return condition("Ready", status, reason)


SYNCED = condition("Synced", "True", "Synced")
DELETED = {"deletionTimestamp": OLD, "finalizers": [FINALIZER]}
TABLE = [
    (body(ready("Idle"), SYNCED), "Well", "Idle", "nothing is the matter"),
    (body(ready("Running"), SYNCED), "Well", "Running", "nor while it works"),
    (body(ready("Archived"), SYNCED), "Well", "Archived", "nor when it is over as was wished"),
    (body(ready("ActionRequired"), SYNCED), "Waiting", "ActionRequired", "somebody has to answer"),
    (body(ready("BudgetReached"), SYNCED), "Waiting", "BudgetReached", "somebody has to pay"),
    (body(ready("RetriesExhausted"), SYNCED), "Failed", "RetriesExhausted", "the work gave up"),
    (body(ready("Refused"), SYNCED), "Failed", "Refused", "the model declined"),
    (body(ready("Creating", "False")), "Working", "Creating", "it is being made"),
    (
        body(ready("Pending", "False"), condition("Synced", "False", "SecretMissing")),
        "Waiting",
        "SecretMissing",
        "it can't be made before a Secret is there",
    ),
    (
        body(ready("Idle"), condition("Synced", "False", "UpdateRefused")),
        "Waiting",
        "UpdateRefused",
        "the session is well, and not as the spec says",
    ),
    (
        body(ready("Running"), condition("Synced", "False", "NotIdle")),
        "Well",
        "Running",
        "a change that follows by itself is nothing to act on",
    ),
    (
        body(ready("Lost", "False"), condition("Stalled", "True", "Lost")),
        "Stalled",
        "Lost",
        "nothing happens before a person acts",
    ),
    (
        body(ready("KeyRefused", "False"), condition("Stalled", "True", "KeyRefused"), **DELETED),
        "Stalled",
        "KeyRefused",
        "a deletion that can't go on is stalled too",
    ),
    (body(ready("Deleting", "False"), **DELETED), "Working", "Deleting", "it is being deleted"),
    (
        body(ready("Idle"), deletionTimestamp=OLD, finalizers=["other/one"]),
        "Working",
        "Deleting",
        "somebody else holds it up",
    ),
    (body(ready("Suspended", "False")), "Suspended", "Suspended", "as was wished"),
    (body(made=YOUNG, seen=-1), "Working", "Pending", "it has only just been made"),
    (body(made=OLD, seen=-1), "Unseen", "Unseen", "nobody looks at it"),
    (body(ready("Idle"), SYNCED, seen=1), "Unseen", "Unseen", "nobody has looked at the newest spec"),
    (
        body(ready("Lost", "False"), condition("Stalled", "True", "Lost"), seen=1),
        "Stalled",
        "Lost",
        "of an older spec, and to be known all the same",
    ),
]


@pytest.mark.parametrize(("resource", "verdict", "reason", "why"), TABLE, ids=[row[3] for row in TABLE])
def test_the_verdict(resource, verdict, reason, why):
    found = diagnose(resource, NOW)
    assert (found.verdict, found.reason) == (verdict, reason), why
    assert found.bad == (verdict in ("Stalled", "Failed"))
    assert found.problem


@pytest.mark.parametrize(
    ("resource", "command"),
    [
        (body(ready("ActionRequired")), "kubectl managedagents approve triage -n team"),
        (body(ready("RetriesExhausted")), "kubectl managedagents send triage -n team"),
        (body(ready("BudgetReached")), "spec.budget.maxListCost.amount"),
        (body(ready("Deleting", "False"), **DELETED), "managedagents.dev/force-delete=true"),
        (body(ready("Lost", "False"), condition("Stalled", "True", "Lost")), "set spec.onLost: Replace"),
        (body(ready("Idle"), condition("Synced", "False", "SecretMissing")), "Create "),
        (body(made=OLD, seen=-1), "app.kubernetes.io/name=managed-agents-operator"),
    ],
)
def test_what_to_do_is_something_to_type(resource, command):
    assert any(command in remedy for remedy in diagnose(resource, NOW).remedies)


@pytest.mark.parametrize("resource", [body(ready("Running"), SYNCED), body(ready("KickoffPending", "False"))])
def test_where_nothing_is_to_be_done_nothing_is_said(resource):
    assert diagnose(resource, NOW).remedies == ()


@pytest.mark.parametrize("reason", [*READY, "OfALaterVersion"])
def test_every_reason_has_a_verdict(reason):
    known = READY.get(reason)
    status = known.status if known else "False"
    others = [condition(known.effect, "True", reason)] if known and known.effect else []
    found = diagnose(body(ready(reason, status), *others), NOW)
    assert found.reason == reason
    assert (found.verdict == "Stalled") == bool(known and known.effect == "Stalled")


def test_whose_finalizer_holds_it_up_is_named():
    found = diagnose(body(ready("Idle"), deletionTimestamp=OLD, finalizers=["other/one"]), NOW)
    assert "other/one" in found.problem
