"""Where etcd, kube-apiserver and kubectl are on this machine, building them once if need be.

Called by the command line and by `ControlPlane`. First that applies: KUBEBUILDER_ASSETS, our cache, a build.
How they are built is `build.py`, how they are kept `cache.py`.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from managed_agents_local import build, cache, toolchain
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
    tell = tell or Teller()
    folder = cache.root(environ) / "controlplane" / build.digest()

    def make(partial: Path) -> None:
        build.build(partial, toolchain.find(folder.parent, tell.say), tell)

    return cache.keep(folder, lambda at: not _missing(at), make, tell)


def _missing(folder: Path) -> list[str]:
    return [name for name in build.TOOLS if not os.access(folder / name, os.X_OK)]
