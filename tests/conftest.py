"""What tests of any part may need: proof that nothing which they started is left running."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# pytest --hypothesis-profile=nightly: as many stories and values as a night has room for.
settings.register_profile("nightly", max_examples=20_000, deadline=None)
# For people: others at each run, and half as many as CI has, which tries the same ones each time. How long one takes
# says how busy the machine is.
settings.register_profile("people", max_examples=50, deadline=None)
if settings.get_current_profile_name() == "default":
    settings.load_profile("people")

SETTLE_SECONDS = 10


@pytest.fixture
def running() -> Callable[[Path], dict[int, str]]:
    """The command lines, by process id, of all processes that mention a folder or have a file in it open."""
    return _running


@pytest.fixture
def left_running() -> Callable[[Path], list[str]]:
    """The same without the ids, once those that were killed a moment ago have had the time to go."""

    def lines(directory: Path) -> list[str]:
        deadline = time.monotonic() + SETTLE_SECONDS
        while (found := _running(directory)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return list(found.values())

    return lines


def _running(directory: Path) -> dict[int, str]:
    lines = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            files = [path.readlink() for path in (process / "fd").iterdir()]
        except OSError:
            continue
        if str(directory) in line or any(path.is_relative_to(directory) for path in files):
            lines[int(process.name)] = line
    return lines
