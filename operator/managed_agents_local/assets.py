"""Where etcd, kube-apiserver and kubectl are on this machine, building them once if need be.

Called by the command line and by `ControlPlane`. First that applies: KUBEBUILDER_ASSETS, our cache, a build.
How they are built is `build.py`.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from managed_agents_local import build, toolchain
from managed_agents_local.progress import Teller

ENVIRONMENT = "KUBEBUILDER_ASSETS"


class AssetsMissing(Exception):
    """KUBEBUILDER_ASSETS names a folder that does not hold them all."""


def find(tell: Teller | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The folder that holds `etcd`, `kube-apiserver` and `kubectl`.

    Takes minutes when they have to be built, which `tell` says. Any number of processes may ask at once: one builds.
    Raises AssetsMissing, build.BuildFailed, toolchain.GoMissing.
    """
    if given := environ.get(ENVIRONMENT):
        if missing := _missing(Path(given)):
            raise AssetsMissing(f"{ENVIRONMENT}={given} has no {', '.join(missing)}; unset it to have them built")
        return Path(given).absolute()
    folder = _cache(environ) / "controlplane" / build.digest()
    return folder if not _missing(folder) else _build(folder, tell or Teller())


def _cache(environ: Mapping[str, str]) -> Path:
    base = Path(environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    # The specification of XDG_CACHE_HOME says to ignore a relative one.
    return (base if base.is_absolute() else Path("~/.cache").expanduser()) / "managed-agents-operator"


def _missing(folder: Path) -> list[str]:
    return [name for name in build.TOOLS if not os.access(folder / name, os.X_OK)]


def _build(folder: Path, tell: Teller) -> Path:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder.with_suffix(".lock"), tell):
        if not _missing(folder):
            return folder
        go = toolchain.find(folder.parent, tell.say)
        for left in folder.parent.glob(f"{folder.name}.partial-*"):
            # Of a build that was killed: nobody else is in here while we hold the lock.
            shutil.rmtree(left)
        partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.partial-", dir=folder.parent))
        try:
            build.build(partial, go, tell)
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
