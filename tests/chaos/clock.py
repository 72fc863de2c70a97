"""A time of day that jumps, for a process as it is shipped.

Used by the stage. Needs a C compiler; where there is none, no clock jumps.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """`environment` goes to the process, whose time is `jump` seconds ahead from then on. `folder` keeps both files."""

    def __init__(self, folder: Path) -> None:
        self._file, library = folder / "clock-shift", folder / "clock.so"
        compiler = shutil.which("cc")
        self.jumps = compiler is not None
        """Whether it can."""
        self.jump(0)
        self.environment: dict[str, str] = {}
        if compiler:
            subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE], check=True)
            self.environment = {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(self._file)}

    def jump(self, seconds: int) -> None:
        """The time of day is so much ahead of the true one, or behind it."""
        # Written in place, as it is mapped by those that read it.
        with self._file.open("r+b" if self._file.exists() else "w+b") as file:
            file.write(struct.pack("=q", seconds))
