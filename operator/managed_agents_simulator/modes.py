"""The ways in which servers that speak this API were seen to differ, as switches that can be thrown at run time.

The defaults are the documented behaviour of the service, or the best guess where it is silent. Every switch is one
field; tests and the control API set them by name through `Modes.changed`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True)
class Modes:
    """One answer to every question on which servers disagree."""

    archived_keeps_status: bool = False
    """Archiving sets `archived_at` only; otherwise the status becomes `terminated` too."""
    archived_refusal: Literal[400, 409] = 409
    """Status of the refusal to send events to an archived session: 409 or 400."""
    rearchive_refused: bool = False
    """Archiving twice answers 409; otherwise 200 with the first `archived_at`."""
    archive_while_running: bool = False
    """Archiving a running session is carried out and leaves it running; otherwise 400."""
    delete_while_running: bool = False
    """Deleting a running session is carried out; otherwise 400."""
    terminated_accepts_events: bool = False
    """A session that an error terminated takes events again, and an interrupt makes it idle."""

    drop_metadata: bool = False
    """Metadata given on create is lost."""
    null_metadata: Literal["keep", "wipe", "fail"] = "keep"
    """What `metadata: null` does in an update: `keep`, `wipe` or `fail` (500)."""
    empty_metadata_deletes: bool = False
    """An empty string as value deletes the key; otherwise it is stored."""

    update_while_running_refused: bool = False
    """Updating title or metadata of a running session answers 400."""
    agent_update_while_running: bool = False
    """Updating `agent` of a running session is carried out; otherwise 400."""
    touch_on_every_post: bool = False
    """`updated_at` moves with every accepted POST; otherwise only when something changed."""
    null_updated_at: bool = False
    """`updated_at` is null."""
    empty_title: bool = False
    """A title that is not set reads as an empty string; otherwise as null."""

    root_mount_paths: bool = True
    """A file's mount path is shown below /mnt/session/uploads; otherwise as it was given."""
    new_file_ids: bool = True
    """A mounted file gets an id of its own; otherwise the uploaded file's id is shown."""
    repository_token_required: bool = False
    """A repository without a token is refused."""
    mounts_while_running_refused: bool = False
    """Adding, removing and renewing resources of a running session answers 400."""
    empty_resource_answers: bool = False
    """Adding, removing and renewing resources is carried out and answered with an empty body."""

    create_status: int = 200
    """HTTP status of a session's creation."""
    send_status: int = 200
    """HTTP status of sending events."""
    send_body: bool = True
    """Sending events answers with the events; otherwise with an empty body."""
    string_errors: bool = False
    """Errors are `{"error": "text"}`."""
    workspace_header: bool = True
    """Answers carry `anthropic-workspace-id`."""
    session_prefix: str = "sesn_"
    """Prefix of the ids of new sessions."""
    extra_fields: bool = False
    """Objects carry fields that no client knows."""
    status_words: dict[str, str] = field(default_factory=dict)
    """Status words shown in place of the known ones, by the known one."""
    accept_unknown_fields: bool = False
    """Unknown body fields are ignored; otherwise 400."""

    accept_api_key: bool = True
    """`x-api-key` is taken."""
    accept_bearer: bool = True
    """`Authorization: Bearer` is taken."""
    require_beta_query: bool = False
    """Requests without `?beta=true` answer 400."""

    page_size: int = 20
    """Sessions on a page when no limit is given."""
    page_maximum: int = 100
    """The largest limit of a sessions list; more answers 400."""
    cursor_ignores_order: bool = False
    """A cursor is taken with any order."""
    list_lag_seconds: float = 0.0
    """How long a new session is missing from lists."""
    files_list_lag_seconds: float = 0.0
    """How long a new file is missing from lists."""

    stuck_after_interrupt: bool = False
    """An interrupt is taken and nothing happens: the session goes on running until it is finished by hand."""
    interrupt_keeps_queue: bool = False
    """Messages queued before an interrupt are worked on after it; otherwise they lapse."""
    waiting_keeps_running: bool = False
    """A session that waits for a tool's answer stays `running` and emits no idle event."""
    idle_lag_seconds: float = 0.0
    """How long GET and lists still say `running` after the stream said idle."""
    client_events_once: bool = False
    """A client's event is seen once on the stream; otherwise when queued and again when processed."""
    usage_event: bool = True
    """`session.usage` comes before every idle event."""

    def changed(self, changes: dict[str, Any]) -> Modes:
        """These modes with some switches thrown. Raises ValueError that names an unknown or mistyped one."""
        hints = get_type_hints(Modes)
        for name, value in changes.items():
            if name not in hints:
                raise ValueError(f"no mode is called {name!r}; there are {', '.join(f.name for f in fields(Modes))}")
            if not _fits(value, hints[name]):
                raise ValueError(f"mode {name} takes {_wanted(hints[name])}, not {value!r}")
        return replace(self, **changes)


def _wanted(kind: Any) -> str:
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    return " or ".join(map(repr, choices)) or getattr(kind, "__name__", str(kind))


def _fits(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is dict:
        key, item = get_args(kind)
        return isinstance(value, dict) and all(isinstance(k, key) and isinstance(v, item) for k, v in value.items())
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)
