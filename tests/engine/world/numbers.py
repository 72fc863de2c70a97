"""What names of things are numbered by: part of a world, and so kept and restored with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Numbers:
    """Each one once, in their order. From Python 3.14 on `itertools.count` can't be pickled."""

    following: int = 1

    def __iter__(self) -> Numbers:
        return self

    def __next__(self) -> int:
        number = self.following
        self.following += 1
        return number
