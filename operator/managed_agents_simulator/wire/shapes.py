"""Shapes of request bodies, written as data: what a field may be, and the 400 that names the field when it is not.

Every endpoint that takes a body declares its shape with these functions and gets back a checked copy. A check takes
the value and where it stands (`resources.0.file_id`), and returns the value or raises `ApiError`. Rules that need the
state of the world (does this agent exist?) are not shapes and live with the endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from managed_agents_simulator.wire.errors import ApiError, invalid


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the body a value stands, and whether unknown fields are let through there."""

    path: str = ""
    lenient: bool = False

    def at(self, key: str | int) -> Place:
        """The place of a member."""
        return Place(f"{self.path}.{key}" if self.path else str(key), self.lenient)

    def refuse(self, why: str) -> ApiError:
        """The 400 for a value at this place."""
        return invalid(f"{self.path or 'body'}: {why}")


Check = Callable[[Any, Place], Any]


def anything(value: Any, place: Place) -> Any:
    """Takes every value as it is."""
    return value


def flag(value: Any, place: Place) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise place.refuse("Input should be a valid boolean")
    return value


def text(minimum: int = 0, maximum: int | None = None, *, pattern: str | None = None) -> Check:
    """A string whose length in characters lies within the bounds and that matches the whole pattern."""
    expression = re.compile(pattern) if pattern else None

    def check(value: Any, place: Place) -> str:
        if not isinstance(value, str):
            raise place.refuse("Input should be a valid string")
        if len(value) < minimum:
            raise place.refuse(f"String should have at least {minimum} character{'s' if minimum != 1 else ''}")
        if maximum is not None and len(value) > maximum:
            raise place.refuse(f"String should have at most {maximum} characters")
        if expression and not expression.fullmatch(value):
            raise place.refuse(f"String should match pattern '{pattern}'")
        return value

    return check


def identifier(*prefixes: str) -> Check:
    """A tagged id. The tail is not looked at: ids are opaque, and may change their length."""

    def check(value: Any, place: Place) -> str:
        if not isinstance(value, str):
            raise place.refuse("Input should be a valid string")
        if not any(value.startswith(prefix) and len(value) > len(prefix) for prefix in prefixes):
            raise place.refuse(f"Invalid ID {value!r}: expected an ID with the prefix {prefixes[0]!r}")
        return value

    return check


def whole(minimum: int | None = None, maximum: int | None = None) -> Check:
    """An integer within the bounds."""

    def check(value: Any, place: Place) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise place.refuse("Input should be a valid integer")
        if minimum is not None and value < minimum:
            raise place.refuse(f"Input should be greater than or equal to {minimum}")
        if maximum is not None and value > maximum:
            raise place.refuse(f"Input should be less than or equal to {maximum}")
        return value

    return check


def choice(*values: str) -> Check:
    """One of the given words."""

    def check(value: Any, place: Place) -> str:
        if value not in values:
            raise place.refuse(f"Input should be {' or '.join(repr(word) for word in values)}")
        return str(value)

    return check


def optional(inner: Check) -> Check:
    """null, or what the inner check takes."""

    def check(value: Any, place: Place) -> Any:
        return None if value is None else inner(value, place)

    return check


def many(inner: Check, *, minimum: int = 0, maximum: int | None = None) -> Check:
    """An array of what the inner check takes."""

    def check(value: Any, place: Place) -> list[Any]:
        if not isinstance(value, list):
            raise place.refuse("Input should be a valid list")
        if len(value) < minimum:
            raise place.refuse(f"List should have at least {minimum} item{'s' if minimum != 1 else ''}")
        if maximum is not None and len(value) > maximum:
            raise place.refuse(f"List should have at most {maximum} items, not {len(value)}")
        return [inner(item, place.at(index)) for index, item in enumerate(value)]

    return check


def record(fields: Mapping[str, Check], *required: str, open_ended: bool = False) -> Check:
    """An object with these fields; the required ones must be there, others are refused unless `open_ended`."""

    def check(value: Any, place: Place) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise place.refuse("Input should be a valid dictionary")
        for name in required:
            if name not in value:
                raise place.at(name).refuse("Field required")
        checked = {}
        for name, member in value.items():
            inner = fields.get(name)
            if inner is not None:
                checked[name] = inner(member, place.at(name))
            elif open_ended:
                checked[name] = member
            elif not place.lenient:
                raise place.at(name).refuse("Extra inputs are not permitted")
        return checked

    return check


def tagged(kinds: Mapping[str, Check], *, tag: str = "type") -> Check:
    """An object whose `tag` says which of the shapes it has."""

    def check(value: Any, place: Place) -> Any:
        if not isinstance(value, dict):
            raise place.refuse("Input should be a valid dictionary")
        if tag not in value:
            raise place.at(tag).refuse("Field required")
        kind = value[tag]
        if not isinstance(kind, str) or kind not in kinds:
            raise place.at(tag).refuse(
                f"Input tag {kind!r} does not match any of the expected tags: {', '.join(kinds)}"
            )
        return kinds[kind](value, place)

    return check


def mapping(key: Check, inner: Check, *, maximum: int | None = None) -> Check:
    """An object used as a map."""

    def check(value: Any, place: Place) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise place.refuse("Input should be a valid dictionary")
        if maximum is not None and len(value) > maximum:
            raise place.refuse(f"Dictionary should have at most {maximum} items, not {len(value)}")
        return {key(name, place.at(name)): inner(member, place.at(name)) for name, member in value.items()}

    return check


METADATA_PAIRS = 16
METADATA = mapping(text(1, 64), text(0, 512), maximum=METADATA_PAIRS)
METADATA_PATCH = optional(mapping(text(1, 64), optional(text(0, 512))))
