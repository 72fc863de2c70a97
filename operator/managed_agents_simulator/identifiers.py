"""Identifiers in the API's style: a prefix that names the kind, `01`, and 22 base58 characters.

Called wherever an object, an event or a request is made. The tail is random, not sequential, as on the real service:
nobody may conclude an order or a count from it.
"""

from __future__ import annotations

import random

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Identifiers:
    """Makes identifiers; with a seed it makes the same ones again."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def make(self, prefix: str) -> str:
        """A new identifier. `prefix` carries its own separator, for example `sesn_`."""
        return f"{prefix}01{''.join(self._random.choices(_ALPHABET, k=22))}"
