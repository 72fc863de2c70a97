"""A Dockerfile read and carried out without an engine, as far as ours goes: what `docker build` does, by other means.

Used by test_image.py. RUN happens in a file system root by root.sh; COPY takes from what .dockerignore lets through, or
from another stage. The base image is this machine's /usr, with the Python that runs the tests in /usr/local.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

RUNTIME_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
UNSHARE = ["unshare", "--map-user=65532", "--map-group=65532", "--mount", "--keep-caps"]
SCRIPT = Path(__file__).with_name("root.sh")
# What tells pip and uv on this machine where packages are, which an image's builder has by its network.
TOOLS = re.compile(r"(?i)PIP_(EXTRA_)?INDEX_URL|PIP_CERT|UV_\w*INDEX\w*|SSL_CERT_\w+|https?_proxy|no_proxy")


@dataclass
class Stage:
    """One FROM and what follows it, as (word, rest of the line)."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def words(self, word):
        return [rest for each, rest in self.steps if each == word]

    def env(self):
        return {k: v for rest in self.words("ENV") for k, _, v in (pair.partition("=") for pair in shlex.split(rest))}

    def workdir(self):
        return (self.words("WORKDIR") or ["/"])[-1]

    def command(self):
        """What it starts, where nobody says otherwise."""
        return [part for word in ("ENTRYPOINT", "CMD") for part in json.loads(self.words(word)[-1])]


def stages(path):
    """The stages of a Dockerfile, with the arguments before the first put in."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    arguments, found = {}, []
    for word, rest in (line.split(maxsplit=1) for line in lines):
        if word == "ARG" and not found:
            name, _, value = rest.partition("=")
            arguments[name] = value
        elif word == "FROM":
            base, _, name = re.sub(r"\$\{(\w+)\}", lambda m: arguments[m[1]], rest).partition(" AS ")
            found.append(Stage(base, name))
        else:
            found[-1].steps.append((word, rest))
    return found


def let_through(path, rules):
    """Whether .dockerignore lets a path of the context through: the last rule that fits decides."""
    kept = True
    for rule in rules:
        pattern = rule.removeprefix("!")
        parents = [path, *(parent for parent in path.parents if parent.name)]
        names = [str(each) for each in parents]
        if pattern.startswith("**/"):
            names, pattern = [each.name for each in parents], pattern[3:]
        if any(fnmatch.fnmatchcase(name, pattern) for name in names):
            kept = rule.startswith("!")
    return kept


def context(root, files, to):
    """Copy what a builder is sent: those files of a repository that its .dockerignore lets through."""
    lines = (root / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    for file in files:
        if let_through(file, rules):
            (to / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / file, to / file)
    return to


def inside(root, command, *, env, mode="ro", binds=()):
    """The command line that runs another in a root, as a plain user, with exactly this environment."""
    # A Python that is one library is looked for where it was made; here it is in another place.
    elsewhere = {"LD_LIBRARY_PATH": "/usr/local/lib"} if sysconfig.get_config_var("Py_ENABLE_SHARED") else {}
    variables = [f"{name}={value}" for name, value in (elsewhere | env).items()]
    seen = [f"{outside}={place}" for outside, place in binds]
    return [*UNSHARE, "sh", SCRIPT, root, sys.base_prefix, mode, *seen, "--", "env", "-i", *variables, *command]


class Build:
    """Stages carried out one after the other, each in a folder of its own below `directory`."""

    def __init__(self, directory, context):
        self._directory = directory
        self._context = context
        self.roots = {}

    def make(self, stage):
        """Carry one out and return its root. Fails with what a step said."""
        root = self.roots[stage.name] = self._directory / (stage.name or "image")
        root.mkdir()
        env, place = {"PATH": RUNTIME_PATH, "HOME": "/tmp"}, "/"
        for word, rest in stage.steps:
            if word == "ENV":
                env |= Stage("", "", [(word, rest)]).env()
            elif word == "WORKDIR":
                place = rest
                (root / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
            elif word == "COPY":
                self._copy(root, place, shlex.split(rest))
            elif word == "RUN":
                self._run(root, env, ["sh", "-c", f"cd {place} && {rest}"])
        return root

    def _copy(self, root, place, words):
        source = self._context
        if words[0].startswith("--from="):
            source = self.roots[words.pop(0).partition("=")[2]]
        *what, to = words
        target = root / Path(place, to).relative_to("/")
        for each in what:
            taken = source / each.lstrip("/")
            if taken.is_dir():
                shutil.copytree(taken, target, symlinks=True, dirs_exist_ok=True)
            else:
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy2(taken, target)

    def _run(self, root, env, command):
        outside, binds = {name: value for name, value in os.environ.items() if TOOLS.fullmatch(name)}, []
        # What was fetched for this checkout's environment need not be fetched again.
        for variable, usual in (("PIP_CACHE_DIR", ".cache/pip"), ("UV_CACHE_DIR", ".cache/uv")):
            cache = Path(os.environ.get(variable, Path.home() / usual))
            cache.mkdir(parents=True, exist_ok=True)
            outside[variable] = f"/cache/{variable}"
            binds.append((cache, outside[variable]))
        line = inside(root, command, env=env | outside, mode="rw", binds=binds)
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
