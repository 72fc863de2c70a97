"""The events that clients may send: their shapes, and the rules that hold over a batch of them.

Used by a session's creation (`initial_events`) and by the send endpoint. What an event does is `sending`'s business.
"""

from __future__ import annotations

from typing import Any

from managed_agents_simulator.wire.errors import invalid
from managed_agents_simulator.wire.shapes import (
    Check,
    Place,
    anything,
    choice,
    flag,
    identifier,
    many,
    optional,
    record,
    tagged,
    text,
    whole,
)

MAXIMUM_EVENTS = 50
MAXIMUM_FILE_DOCUMENTS = 100

_URL = record({"type": anything, "url": text(1)}, "url")
_FILE = record({"type": anything, "file_id": identifier("file_")}, "file_id")
_BASE64 = record({"type": anything, "media_type": text(1), "data": text(1)}, "media_type", "data")
_PLAIN = record({"type": anything, "media_type": choice("text/plain"), "data": text(1)}, "media_type", "data")
_IMAGE_SOURCE = tagged({"base64": _BASE64, "url": _URL, "file": _FILE})
_DOCUMENT_SOURCE = tagged({"base64": _BASE64, "url": _URL, "file": _FILE, "text": _PLAIN})

_BLOCKS: dict[str, Check] = {
    "text": record({"type": anything, "text": text(1)}, "text"),
    "image": record({"type": anything, "source": _IMAGE_SOURCE}, "source"),
    "document": record(
        {"type": anything, "source": _DOCUMENT_SOURCE, "title": optional(text()), "context": optional(text())}, "source"
    ),
}
_RESULT_BLOCKS = {**_BLOCKS, "search_result": record({"type": anything}, open_ended=True)}
_RUBRIC = tagged(
    {
        "text": record({"type": anything, "content": text(1, 262_144)}, "content"),
        "file": _FILE,
    }
)

_MESSAGE = record({"type": anything, "content": many(tagged(_BLOCKS), minimum=1)}, "content")
_OUTCOME = record(
    {"type": anything, "description": text(1), "rubric": _RUBRIC, "max_iterations": optional(whole(1, 20))},
    "description",
    "rubric",
)
_RESULT = {"type": anything, "content": many(tagged(_RESULT_BLOCKS)), "is_error": optional(flag)}


def _confirmation(value: Any, place: Place) -> dict[str, Any]:
    checked: dict[str, Any] = _CONFIRMATION(value, place)
    if checked.get("deny_message") is not None and checked["result"] != "deny":
        raise place.at("deny_message").refuse("Only allowed when result is 'deny'")
    return checked


_CONFIRMATION = record(
    {
        "type": anything,
        "tool_use_id": identifier("sevt_"),
        "result": choice("allow", "deny"),
        "deny_message": optional(text()),
    },
    "tool_use_id",
    "result",
)

EVENT = tagged(
    {
        "user.message": _MESSAGE,
        "user.interrupt": record({"type": anything, "session_thread_id": optional(identifier("sthr_"))}),
        "user.tool_confirmation": _confirmation,
        "user.custom_tool_result": record({**_RESULT, "custom_tool_use_id": identifier("sevt_")}, "custom_tool_use_id"),
        "user.tool_result": record({**_RESULT, "tool_use_id": identifier("sevt_")}, "tool_use_id"),
        "user.define_outcome": _OUTCOME,
        "system.message": record(
            {"type": anything, "content": many(tagged({"text": _BLOCKS["text"]}), minimum=1, maximum=1000)}, "content"
        ),
    }
)
INITIAL_EVENTS = many(tagged({"user.message": _MESSAGE, "user.define_outcome": _OUTCOME}), maximum=MAXIMUM_EVENTS)
EVENTS = many(EVENT, minimum=1, maximum=MAXIMUM_EVENTS)


def demand_sound_batch(events: list[dict[str, Any]]) -> None:
    """Check what holds over a whole batch. Raises 400: all of it is taken, or nothing."""
    if sum(event["type"] == "user.define_outcome" for event in events) > 1:
        raise invalid("events: at most one user.define_outcome may be sent at a time")
    documents = sum(
        block["type"] == "document" and block["source"]["type"] == "file"
        for event in events
        for block in event.get("content") or []
    )
    if documents > MAXIMUM_FILE_DOCUMENTS:
        raise invalid(f"events: at most {MAXIMUM_FILE_DOCUMENTS} documents may come from files")
    for place, event in enumerate(events):
        follows = events[place - 1]["type"] if place else ""
        if event["type"] == "system.message" and (
            place + 1 < len(events) or follows not in ("user.message", "user.tool_result", "user.custom_tool_result")
        ):
            raise invalid("events: system.message must come last and follow a user message or a tool result")
