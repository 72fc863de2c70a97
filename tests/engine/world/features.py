"""Which parts of a session's life the stories tell.

Left out of `ON` is what an operator can't make good where it meets a deletion: an upload of a process that died which
arrives, or is listed, only when the resource has gone.
"""

from __future__ import annotations

from typing import Literal

Feature = Literal[
    "archived",  # spec.archived
    "ttl",  # both times to live
    "replace",  # onImmutableChange: Replace, and edits of what can't change
    "lost",  # onLost: Replace
    "adopt",  # spec.sessionId
    "observe",  # managementPolicy: Observe
    "metadata",  # others edit title, metadata, budget and tools
    "budget",  # spec.budget, raised and lifted
    "tools",  # spec.agent.overrides.tools
    "stops",  # turns that end in other ways than by themselves
    "mounts",  # the story of mounts: fileId, ConfigMaps, Secrets, tokens
    "strangers",  # files that others mount and unmount
    "missing",  # files that the API does not have
    "late uploads",  # uploads that arrive when nobody waits for them any more
    "file lag",  # files that are listed only some time after they were uploaded, as sessions are
    "overlap",  # two processes at once in the story of mounts
]
ALL: tuple[Feature, ...] = (
    "archived",
    "ttl",
    "replace",
    "lost",
    "adopt",
    "observe",
    "metadata",
    "budget",
    "tools",
    "stops",
    "mounts",
    "strangers",
    "missing",
    "late uploads",
    "file lag",
    "overlap",
)
ON: frozenset[Feature] = frozenset(ALL) - {"late uploads", "file lag", "overlap"}
