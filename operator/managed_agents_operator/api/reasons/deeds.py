"""Events that tell of something done, about a Session. Those that tell of a condition carry its reason instead."""

from __future__ import annotations

from collections.abc import Mapping

from managed_agents_operator.api.reasons.names import DeedReason
from managed_agents_operator.api.reasons.reason import Deed, Heals


def _done(meaning: str) -> Deed:
    return Deed("Normal", meaning, "Nothing.")


def _told(meaning: str, remedy: str, heals: Heals = "") -> Deed:
    return Deed("Warning", meaning, remedy, heals)


DEEDS: Mapping[DeedReason, Deed] = {
    "Created": _done("A session was made for the resource."),
    "Found": _done("A session that was made for the resource before was found by its marker."),
    "Adopted": _done("The session that spec.sessionId names is now kept by the resource."),
    "Observing": _done("The session that spec.sessionId names is followed, and nothing is done to it."),
    "Replaced": _done("Another session took the place of the one before, which status.previousIds keeps."),
    "InitialEventsSent": _done("The session was sent spec.initialEvents."),
    "Updated": _done("Title, metadata, budget, tools or MCP servers were brought to the spec."),
    "Mounted": _done("A file was mounted."),
    "Unmounted": _done("A file that is not in the spec any more was taken out."),
    "TokenRotated": _done("A repository was handed the token that its Secret holds now."),
    "Interrupted": _done("The session worked and was asked to stop, to be archived, deleted or replaced."),
    "Archived": _done("The session was archived."),
    "Deleted": _done("The session was deleted for good."),
    "Recovered": _done("What an earlier Warning told is over."),
    "Released": _told(
        "The resource went by force, and what there is outside stays as it is.",
        "End the session at the API by hand if it shall not live on: nothing here knows it any more.",
        "person",
    ),
    "PossibleOrphan": _told(
        "The resource went while the outcome of a creation was unknown, and nothing can be searched for there.",
        "Look at the API for a session without a resource, and archive it by hand.",
        "person",
    ),
    "Disowned": _told(
        "The resource went while its session was being made; the session, unused, was archived.",
        "Nothing.",
    ),
    "DuplicateSession": _told(
        "A second session with the marker of this resource came to be; nobody spoke to it, and it was archived.",
        "Nothing. Where it happens again, lists of the API lag: raise MANAGED_AGENTS_SEARCH_GRACE_SECONDS.",
    ),
}
"""Every reason of Events of its own."""
