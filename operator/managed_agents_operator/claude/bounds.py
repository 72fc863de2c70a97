"""What of an answer can be taken at all: ids that a path can hold, numbers and texts that a status can.

Used by `models` for fields and by the clients for lists. A value beyond is no value of that field, as one of another
type is none; what follows from that is for whoever reads it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import to_json

LONGEST_ID = 512
LONGEST_PATH = 4096
LONGEST_CURSOR = 4096
"""Characters: quoted, it is three times as long, and no client makes a URL of more than 64 KiB."""
MOST_LISTED = 1000
"""Twice as many as the API lets anybody mount; most of what is done with them takes its time by the square."""
MOST_MOUNTED = 2**19
"""Bytes of JSON of all mounts: what a status can hold beside the rest."""


def usable(id: str) -> bool:
    """Whether it can be one part of a path.

    Quoting alone is not enough: paths with dots or slashes are resolved by clients and proxies on the way.
    """
    dots_alone = not id.strip(".")
    return not dots_alone and len(id) <= LONGEST_ID and id.isprintable() and "/" not in id and "\\" not in id


def _used(id: str) -> str:
    if not usable(id):
        raise ValueError("an id that no path can hold")
    return id


def _bearable(value: Any) -> Any:
    if isinstance(value, list) and (len(value) > MOST_LISTED or len(to_json(value)) > MOST_MOUNTED):
        raise ValueError("more than can be kept")
    return value


Id = Annotated[str, Field(strict=True), AfterValidator(_used)]
"""Of what is asked for by it later."""
Word = Annotated[str, Field(max_length=LONGEST_ID)]
Line = Annotated[str, Field(max_length=LONGEST_PATH)]
Count = Annotated[int, Field(ge=-(2**63), lt=2**63)]
FEW = Field(max_length=MOST_LISTED)
BEARABLE = BeforeValidator(_bearable)


def cursor(told: object) -> str | None:
    """The cursor of the next page, None at the end of a list. Raises `ValueError` for what can't be one."""
    if told is None or told == "":
        return None
    if not isinstance(told, str | int) or len(text := str(told)) > LONGEST_CURSOR:
        raise ValueError("the answer is a list with a cursor that is no text, or too long")
    return text
