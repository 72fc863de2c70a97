"""Folders that are made once and kept: whole, or not there.

Called by `assets.py` for the control plane, and by whatever else is built from pinned sources. What goes into a folder,
and when it is whole, is its maker's business.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from managed_agents_local.progress import Teller


def root(environ: Mapping[str, str] = os.environ) -> Path:
    """Where all of them are: `$XDG_CACHE_HOME/managed-agents-operator`."""
    base = Path(environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    # The specification of XDG_CACHE_HOME says to ignore a relative one.
    return (base if base.is_absolute() else Path("~/.cache").expanduser()) / "managed-agents-operator"


def keep(folder: Path, whole: Callable[[Path], bool], make: Callable[[Path], None], tell: Teller) -> Path:
    """`folder`, filled by `make` unless it is whole already.

    `make` is given an empty folder beside it, which takes its name when all is done; what it raises is raised. Any
    number of processes may ask at once: one makes it.
    """
    if whole(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder.with_suffix(".lock"), tell):
        if whole(folder):
            return folder
        for left in folder.parent.glob(f"{folder.name}.partial-*"):
            # Of a maker that was killed: nobody else is in here while we hold the lock.
            shutil.rmtree(left)
        partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.partial-", dir=folder.parent))
        try:
            make(partial)
            shutil.rmtree(folder, ignore_errors=True)
            partial.chmod(0o755)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


@contextmanager
def _lock(path: Path, tell: Teller) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell.say("Another process is building them: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
