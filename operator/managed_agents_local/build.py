"""etcd, kube-apiserver and kubectl, built from pinned Go modules into one folder.

Called by `assets.py`, which knows when there is nothing to build. The toolchain is found by `toolchain.py`.
Nothing is downloaded but modules, each checked against `go.sum`.
"""

import hashlib
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from managed_agents_local import toolchain
from managed_agents_local.progress import Teller

KUBERNETES = "1.37.2"

TOOLS = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
"""Name of each binary, and the Go package that it is."""

# The one is what the programs say they are, the other what they send as User-Agent.
_VERSIONS = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
_MAJOR, _MINOR, _ = KUBERNETES.split(".")
# Unset, Kubernetes calls itself v0.0.0, which clients that look at the version refuse.
_STAMPS = {"gitVersion": f"v{KUBERNETES}", "gitMajor": _MAJOR, "gitMinor": _MINOR}
_LINKER = " ".join(
    ["-s", "-w", *(f"-X {package}.{name}={value}" for package in _VERSIONS for name, value in _STAMPS.items())]
)
FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false", f"-ldflags={_LINKER}")

TAIL = 40
"""How many lines of the build's output a failure shows."""


class BuildFailed(Exception):
    """The message holds the end of what the build said."""


def digest() -> str:
    """Names the outcome of a build: the same recipe, flags and platform give the same 16 hex digits."""
    recipe = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        recipe.update((toolchain.RECIPE / name).read_bytes())
    for part in (*FLAGS, *sorted(TOOLS.values()), platform.system(), platform.machine()):
        recipe.update(b"\0" + part.encode())
    return recipe.hexdigest()[:16]


def build(target: Path, go: Path, tell: Teller) -> None:
    """Fill the empty folder `target` with the three binaries; 5 minutes on two cores when Go's own cache is cold.

    Raises BuildFailed.
    """
    source = target / ".source"
    source.mkdir()
    for name in ("go.mod", "go.sum"):
        # A copy: where this package is installed need not be writable, and may lie below someone's go.work.
        shutil.copyfile(toolchain.RECIPE / name, source / name)
    packages = _packages(go, source, tell)
    with tell.bar(f"Building Kubernetes {KUBERNETES}", total=len(packages)) as bar:
        said = []
        for line in _go(go, source, "build", "-v", *FLAGS, f"-o={target}/", *TOOLS.values()):
            if line in packages:
                bar.advance(line)
            else:
                said.append(line)
    for name, package in TOOLS.items():
        made = target / _binary(package)
        if not made.is_file():
            raise BuildFailed("\n".join([f"go build made no {name}", *said[-TAIL:]]))
        made.rename(target / name)
    shutil.rmtree(source)


def _binary(package: str) -> str:
    """How `go build` names what it makes of a main package: the last part of the path that is no major version."""
    *_, parent, last = package.split("/")
    return parent if last.startswith("v") and last[1:].isdigit() else last


def _packages(go: Path, source: Path, tell: Teller) -> set[str]:
    """Every package that the build may have to compile; fetches the modules they come from."""
    tell.say("Fetching the Go modules of Kubernetes")
    listed = _go(go, source, "list", "-mod=readonly", "-deps", *TOOLS.values())
    return {line for line in listed if " " not in line}


def _go(go: Path, source: Path, *arguments: str) -> Iterator[str]:
    """The lines that a `go` command says on either stream, as they come. Raises BuildFailed when it fails."""
    with _running([str(go), *arguments], source) as process:
        said = []
        for line in process.stdout or ():
            said.append(line.rstrip("\n"))
            yield said[-1]
        if process.wait():
            raise BuildFailed("\n".join([f"go {arguments[0]} ended with {process.returncode}:", *said[-TAIL:]]))


@contextmanager
def _running(command: list[str], source: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        command,
        cwd=source,
        env=toolchain.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()
        if process.stdout:
            process.stdout.close()
