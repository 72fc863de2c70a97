"""What is told of a session, cut to what may stand in a status: long texts and schemas are told by length and digest.

Pure; used by `projection`. The order in which things are cut is the same each time, so that equal agents look equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

LIMIT = 16 * 1024
"""Bytes of JSON that the agent may take up, and each other field."""
_IDENTITY = ("id", "type", "version")
_SHORT = 128
"""What is not longer than this would hardly get shorter by a digest."""

_Part = tuple[int, Any, Any, str]
"""Its size, what holds it, where, and its text."""


def excerpt(agent: Mapping[str, Any]) -> dict[str, Any]:
    """The agent, with its longest texts and schemas replaced until all of it fits, then whole fields of it."""
    raw = orjson.dumps(agent)
    size, out = len(raw), dict(orjson.loads(raw))
    for parts in (_words, _fields):
        if size <= LIMIT:
            return out
        # The order of keys must not count: some servers write maps in another one each time.
        for weight, holder, key, text in sorted(parts(out), key=lambda part: (-part[0], str(part[2]), part[3])):
            holder[key] = mark = _mark(text)
            size += len(mark) + 2 - weight
            if size <= LIMIT:
                return out
    return {key: out[key] for key in (*_IDENTITY, "name") if key in out}


def shortened(value: Any) -> Any:
    """Any other value, with its longest texts replaced until it fits; None where it still does not."""
    raw = orjson.dumps(value)
    if len(raw) <= LIMIT:
        return value
    size, holder = len(raw), {"": orjson.loads(raw)}
    for weight, place, key, text in sorted(_words(holder, ()), key=lambda part: (-part[0], str(part[2]), part[3])):
        place[key] = mark = _mark(text)
        size += len(mark) + 2 - weight
        if size <= LIMIT:
            return holder[""]
    return None


def _mark(text: str) -> str:
    return f"{len(text)} characters, sha256 {hashlib.sha256(text.encode()).hexdigest()}"


def _words(agent: dict[str, Any], kept: Sequence[str] = ("id", "name")) -> Iterator[_Part]:
    """Texts wherever they stand, but under these names, and the input schemas of custom tools as a whole."""
    todo: list[Any] = [agent]
    while todo:
        holder = todo.pop()
        for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            if key == "input_schema" or (isinstance(value, str) and key not in kept):
                yield from _part(holder, key, value)
            elif isinstance(value, dict | list):
                todo.append(value)


def _fields(agent: dict[str, Any]) -> Iterator[_Part]:
    for key, value in list(agent.items()):
        if key not in _IDENTITY:
            yield from _part(agent, key, value)


def _part(holder: Any, key: Any, value: Any) -> Iterator[_Part]:
    raw = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if len(raw) > _SHORT:
        yield len(raw), holder, key, value if isinstance(value, str) else raw.decode()
