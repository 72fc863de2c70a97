"""Whether anybody still reads what is printed, for commands that may print nothing for hours.

Called by `logs`. What has been printed by then is no matter here.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def read_by_somebody() -> Iterator[None]:
    """Raises `BrokenPipeError` in what is done within, as a write would, once whoever reads from the pipe has gone."""
    fd, loop, task = _pipe(), asyncio.get_running_loop(), asyncio.current_task()
    gone = False

    def notice() -> None:
        nonlocal gone
        gone = True
        if fd is not None:
            loop.remove_reader(fd)
        if task is not None:
            task.cancel()

    if fd is not None:
        # Nothing can be read from this end of a pipe: what wakes a reader of it is the end of the other one.
        loop.add_reader(fd, notice)
    try:
        yield
    except asyncio.CancelledError:
        if not gone:
            raise
        if task is not None:
            task.uncancel()
        raise BrokenPipeError from None
    finally:
        if fd is not None:
            loop.remove_reader(fd)


def _pipe() -> int | None:
    """Where it is printed to, if that is a pipe."""
    with suppress(OSError, ValueError, AttributeError):
        fd = sys.stdout.fileno()
        return fd if stat.S_ISFIFO(os.fstat(fd).st_mode) else None
    return None
