"""Condition Ready of a Connection or ClusterConnection: whether calls can be made with it."""

from __future__ import annotations

from collections.abc import Mapping

from managed_agents_operator.api.reasons.names import FareReason
from managed_agents_operator.api.reasons.ready import KEY
from managed_agents_operator.api.reasons.reason import Effect, Heals, Reason


def _bad(meaning: str, remedy: str, heals: Heals = "person", effect: Effect | None = None) -> Reason:
    if effect is None:
        effect = "Stalled" if heals == "person" else "Reconciling"
    return Reason("False", effect, meaning, remedy, heals)


FARES: Mapping[FareReason, Reason] = {
    "Connected": Reason("True", "", "The API answers to the key.", "Nothing.", ""),
    "Pending": _bad(
        "No call was answered yet.", "Nothing. It clears with the first call, for a Session or of a sweep.", "itself"
    ),
    "KeyMissing": _bad(
        "The Secret, or the key in it, is not there, or can't be a key; creating it is enough.",
        "Create what the message names. Until then a key that was there once serves from memory.",
    ),
    "KeyRefused": _bad(
        "The API does not accept the key (401). Clears by itself once it does.",
        f"Put a valid key into the Secret; it counts from the next call on. {KEY}",
    ),
    "Forbidden": _bad(
        "The key has no right to do this (403). Clears by itself once it has.",
        f"Give the key the right, or put another one into the Secret. {KEY}",
    ),
    "BillingRefused": _bad(
        "The API asks for payment (402). Clears by itself once it was made.",
        f"Settle the billing of the account. {KEY}",
    ),
    "Unreachable": _bad(
        "The API can't be reached, or fails.",
        "Look whether spec.baseURL is right and up, and whether the operator may reach it (NetworkPolicy, proxy). "
        "Once it answers, all goes on by itself.",
        "itself",
    ),
    "ListingRefused": _bad(
        "The API refuses to list sessions: see spec.baseURL and spec.betaHeaders.",
        "Mend spec.betaHeaders, or make another connection with the right spec.baseURL.",
    ),
    "WrongWorkspace": _bad(
        "The key belongs to another workspace than spec.workspaceId says.",
        "Put a key of that workspace into the Secret, or make another connection for this one.",
    ),
    "Deleting": _bad(
        "It is being deleted, and goes once no Session uses it.",
        "Delete the Sessions that use it (status.connectionRef of each), or let them end.",
        effect="Reconciling",
    ),
}
"""Every reason of Ready; it is True for the first alone."""
