"""Programs of others that tests need, built from pinned Go modules: `tool("helm")` is the path of one.

They are kept beside the control plane, and built by `python -m tests.toolbox`, which `make test` runs first: a build
takes longer than a test may. `prometheus` gives two: its promtool, and `promql`, which evaluates queries over scrapes.
"""

import hashlib
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from managed_agents_local import build, cache, toolchain
from managed_agents_local.progress import Teller

HERE = Path(__file__).parent
SOURCES = ("go.mod", "go.sum", "main.go")


@dataclass(frozen=True)
class Module:
    """A folder here with a go.mod; `programs` are the names of its programs and their packages, `.` for its own."""

    name: str
    programs: dict[str, str]
    flags: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where its programs are, or will be."""
        recipe = hashlib.sha256()
        for source in SOURCES:
            if (at := HERE / self.name / source).is_file():
                recipe.update(at.read_bytes())
        for part in (*self.flags, *self.programs.values(), platform.system(), platform.machine()):
            recipe.update(b"\0" + part.encode())
        return cache.root() / "toolbox" / f"{self.name}-{recipe.hexdigest()[:16]}"

    def whole(self, folder: Path) -> bool:
        """Whether they all are there."""
        return all(os.access(folder / program, os.X_OK) for program in self.programs)

    def built(self, tell: Teller) -> Path:
        """The folder with its programs, built now if need be. Raises build.BuildFailed, toolchain.GoMissing."""

        def make(partial: Path) -> None:
            tell.say(f"Building {', '.join(self.programs)}")
            go = toolchain.find(cache.root() / "controlplane", tell.say, HERE / self.name)
            source = partial / ".source"
            shutil.copytree(HERE / self.name, source)
            for program, package in self.programs.items():
                # With the flags that the control plane is built with, packages that both need are compiled once.
                options = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", *self.flags)
                done = subprocess.run(
                    [go, "build", *options, "-o", partial / program, package],
                    cwd=source,
                    env=toolchain.environment(),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    check=False,
                )
                if done.returncode:
                    raise build.BuildFailed("\n".join(done.stdout.splitlines()[-build.TAIL :]))
            shutil.rmtree(source)

        return cache.keep(self.folder, self.whole, make, tell)


MODULES = (
    Module("helm", {"helm": "helm.sh/helm/v4/cmd/helm"}),
    Module("kstatus", {"kstatus": "."}),
    Module(
        "prometheus",
        {"promtool": "github.com/prometheus/prometheus/cmd/promtool", "promql": "."},
        # Nothing here finds targets in clouds, whose clients are half of it.
        ("-tags=remove_all_sd",),
    ),
)


def tool(name: str, tell: Teller | None = None) -> Path:
    """The program of this name. Takes minutes where it has to be built."""
    module = next(module for module in MODULES if name in module.programs)
    return module.built(tell or Teller()) / name
