"""Child processes that are waited for, stopped by handle and explained when they fail.

Called by `etcd.py`, `apiserver.py`, `world.py` and the end-to-end tests. What is run, and how one knows that it is
ready, is theirs.
"""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.05
TAIL = 40
"""How many lines of its log an error shows."""

_LIBC = ctypes.PyDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


class NotReady(Exception):
    """A process ended, or time ran out, before it was ready; the message holds the end of its log."""


class Process:
    """One child with a log file that holds both its streams.

    It is in a session of its own, so that Ctrl-C reaches only us and we decide the order of stopping; on Linux it is
    killed when the thread that started it ends without stopping it, so that nothing outlives a killed test run.
    """

    def __init__(self, name: str, child: "subprocess.Popen[bytes]", log: Path, begin: int) -> None:
        """`begin` is where in `log` its own words begin, in bytes."""
        self.name = name
        self.log = log
        self._child = child
        self._begin = begin

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Self:
        """Start `command`; its output is appended to `log`. `env` is the whole environment, ours when None.

        Raises OSError when it cannot be started, and KeyboardInterrupt when Ctrl-C came meanwhile; nothing runs then.
        """
        with log.open("ab") as output:
            begin = output.tell()
            # Python drops what is raised while it forks, so that a Ctrl-C there would be heard by nobody.
            held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                child = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env=None if env is None else dict(env),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=_dying_with(os.getpid(), held),  # noqa: PLW1509 - two system calls, no lock
                )
            except BaseException:
                signal.pthread_sigmask(signal.SIG_SETMASK, held)
                raise
        started = cls(name, child, log, begin)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        except BaseException:
            started.kill()
            raise
        return started

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._child.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._child.poll()

    def wait_until(self, check: Callable[[], T | None], what: str, timeout: float = 60) -> T:
        """Ask `check` until it answers something true, at most `timeout` seconds.

        Raises NotReady, which names `what` was waited for.
        """
        deadline = time.monotonic() + timeout
        while True:
            # Looked at first, so that a last answer of a process that has just ended still counts.
            ended = self.exit_code
            if answer := check():
                return answer
            if ended is not None:
                raise NotReady(self.explain(f"ended with {ended} before {what}"))
            if time.monotonic() > deadline:
                raise NotReady(self.explain(f"no {what} within {timeout:g} s"))
            time.sleep(POLL_SECONDS)

    def wait_for_line(self, pattern: str, timeout: float = 60) -> re.Match[str]:
        """The first match of a regular expression in what this process said. Raises NotReady."""
        line = re.compile(pattern, re.MULTILINE)
        return self.wait_until(lambda: line.search(self.text()), f"line {pattern!r}", timeout)

    def wait(self, timeout: float = 60) -> int:
        """Its exit code, once it has ended by itself. Raises NotReady after `timeout` seconds."""
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise NotReady(self.explain(f"still runs after {timeout:g} s")) from None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if it has ended."""
        self._child.send_signal(number)

    def stop(self, timeout: float = 30) -> int:
        """SIGTERM, and SIGKILL after `timeout` seconds; the exit code."""
        self._child.terminate()
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """SIGKILL; the exit code."""
        self._child.kill()
        return self._child.wait()

    def text(self) -> str:
        """All that it said so far, without what others said before it in the same log."""
        with self.log.open("rb") as said:
            said.seek(self._begin)
            return said.read().decode(errors="replace")

    def fallen(self) -> str | None:
        """What to tell a person when it has ended; None while it runs."""
        return None if self.running else self.explain(f"ended with {self.exit_code}")

    def explain(self, what: str) -> str:
        """A message about this process for a person: what happened, and the end of its log."""
        lines = self.text().splitlines()[-TAIL:]
        return "\n".join([f"{self.name}: {what}; {self.log} ends with:", *(f"  {line}" for line in lines)])


def _dying_with(parent: int, unheld: set[signal.Signals | int]) -> Callable[[], None]:
    """What a child of `parent` does between fork and exec, so that the kernel kills it when its parent dies.

    It hears the signals again that its parent hears when it doesn't fork: `unheld` is the mask of that.
    """
    libc = _LIBC

    def prepare() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, unheld)
        if libc is None:
            return
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            # The parent died before the line above: nobody would stop us.
            os._exit(1)

    return prepare
