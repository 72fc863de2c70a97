"""A `go` that remembers what it was asked and makes empty programs, for tests of all that is around a build."""

import stat
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from managed_agents_local.progress import Teller

FAKE_GO = '''\
#!{python}
"""Behaves as `go` does for the three commands that are asked of it; what it does is in files beside it."""
import os, sys, time
from pathlib import Path

here = Path(__file__).parent
command, *arguments = sys.argv[1:]
with (here / "asked").open("a") as asked:
    print(command, *arguments, file=asked)
packages = ["errors", "k8s.io/api", "k8s.io/apiserver"]
if command == "env":
    print((here / "version").read_text())
elif command == "list":
    print("go: downloading k8s.io/api v0.37.2", file=sys.stderr)
    print(*packages, sep="\\n")
elif command == "build":
    assert Path("go.mod").exists() and Path("go.sum").exists()
    assert os.environ["CGO_ENABLED"] == "0" and os.environ["GOWORK"] == "off"
    print(*packages, sep="\\n", file=sys.stderr)
    if (here / "slow").exists():
        time.sleep(1)
    if (here / "broken").exists():
        print("# k8s.io/apiserver\\nserver.go:7:2: undefined: x", file=sys.stderr)
        sys.exit(1)
    target = Path(next(a for a in arguments if a.startswith("-o=")).removeprefix("-o="))
    for name in ("server", "kube-apiserver", "kubectl"):
        (target / name).write_text("#!/bin/sh\\nexit 0\\n")
        (target / name).chmod(0o755)
'''


@dataclass
class FakeGo:
    """The fake, in a folder that can be put on PATH."""

    folder: Path

    def is_version(self, version):
        (self.folder / "version").write_text(version)

    def is_broken(self, broken=True):
        (self.folder / "broken").touch() if broken else (self.folder / "broken").unlink()

    def is_slow(self):
        (self.folder / "slow").touch()

    def asked(self, command):
        asked = self.folder / "asked"
        lines = asked.read_text().splitlines() if asked.exists() else []
        return [line for line in lines if line.split()[0] == command]


@pytest.fixture
def fake_go(tmp_path, monkeypatch):
    folder = tmp_path / "go"
    folder.mkdir()
    program = folder / "go"
    program.write_text(FAKE_GO.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    go = FakeGo(folder)
    go.is_version("go1.26.8")
    return go


@pytest.fixture
def told(tmp_path):
    """What a teller says, as one text once it has said it."""

    class Told(Teller):
        path = tmp_path / "told"

        def __init__(self):
            self._file = self.path.open("w")
            super().__init__(Console(file=self._file, width=200))

        def text(self):
            self._file.flush()
            return self.path.read_text()

        def close(self):
            self._file.close()

    teller = Told()
    yield teller
    teller.close()
