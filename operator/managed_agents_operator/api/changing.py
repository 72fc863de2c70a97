"""Which fields of spec may be edited, and until when, in words: a column of the field reference.

Called by `crd`. The rules themselves are in `fixed.py` and `connection.py`; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping

ANY_TIME = "yes"
# (*) is explained above the tables: an edit after that may make another session.
UNTIL_MADE = "until the session exists"
OR_REPLACED = f"{UNTIL_MADE} (*)"
UNTIL_SENT = "until they are sent (*)"
UPWARDS = "only raised or removed"

OF_SESSIONS: Mapping[str, str] = {
    "spec.sessionId": OR_REPLACED,
    "spec.agent": OR_REPLACED,
    "spec.agent.overrides": ANY_TIME,
    "spec.agent.overrides.model": OR_REPLACED,
    "spec.agent.overrides.system": OR_REPLACED,
    "spec.agent.overrides.skills": OR_REPLACED,
    "spec.environment": OR_REPLACED,
    "spec.vaults": OR_REPLACED,
    "spec.connectionRef": UNTIL_MADE,
    "spec.budget": UPWARDS,
    "spec.resources[].name": "of files",
    "spec.resources[].githubRepository": OR_REPLACED,
    "spec.resources[].githubRepository.authorizationTokenSecretRef": ANY_TIME,
    "spec.resources[].memoryStore": OR_REPLACED,
    "spec.initialEvents": UNTIL_SENT,
    "spec.archived": "only to true",
}
"""What does not stand here is as what it stands below, and at the top may be edited at any time."""

OF_CONNECTIONS: Mapping[str, str] = {"spec.baseURL": "no", "spec.workspaceId": "until it is set"}
"""The same for both kinds of connections."""


def may_change(path: str, told: Mapping[str, str]) -> str:
    """Until when a field may be edited, by the nearest that is told of."""
    while path not in told and "." in path:
        path = path.rpartition(".")[0]
        # A list stands in the table without the brackets that lead into it.
        path = path if path in told else path.removesuffix("[]")
    return told.get(path, ANY_TIME)
