"""Whether what lies in dist/ may be published: version, changelog and tag say the same, and it is of this commit.

`make release` runs it after `make dist`. It publishes nothing: on success it prints what the release brings, which is
the text of its notes, and ends with 0; else it says what to mend and ends with 1.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from managed_agents_operator import __version__

ROOT = Path(__file__).parents[1]
HEADING = re.compile(r"^## \[(.+?)\](?: - (\S+))?$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """What one version brings; `date` is None where there is none."""

    version: str
    date: str | None
    text: str


@dataclass(frozen=True)
class State:
    """The repository as git and dist/ show it."""

    tags: Sequence[str]
    """Those of the commit."""
    changes: str
    """What is not committed, as `git status --porcelain` says it."""
    built: Sequence[str]
    """Names of the files in dist/."""


def sections(changelog: str) -> list[Section]:
    """The versions of a changelog, as they stand there."""
    found = list(HEADING.finditer(changelog))
    return [
        Section(one[1], one[2], changelog[one.end() : after.start() if after else None].strip())
        for one, after in zip_longest(found, found[1:])
    ]


def wrong(version: str, changelog: str, state: State) -> list[str]:
    """What keeps this from being published; empty if nothing does."""
    by_version = {section.version: section for section in sections(changelog)}
    out = []
    if version not in by_version or not by_version[version].date:
        out.append(f"CHANGELOG.md has no section '## [{version}] - <date>': move there what stands below Unreleased")
    elif "Unreleased" in by_version and by_version["Unreleased"].text:
        out.append(f"CHANGELOG.md has changes below Unreleased: move them to {version}, or make __version__ larger")
    if f"v{version}" not in state.tags:
        out.append(f"the commit has no tag v{version}: git tag -a v{version} once all else is well")
    if state.changes:
        out.append(f"not all is committed, so that nobody could build the same:\n{state.changes}")
    name = f"managed_agents_operator-{version}"
    wanted = {f"{name}-py3-none-any.whl", f"{name}.tar.gz"}
    if {file for file in state.built if file.endswith((".whl", ".tar.gz"))} != wanted:
        out.append(f"dist/ does not hold just {' and '.join(sorted(wanted))}: run make dist")
    return out


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.rstrip()


def main() -> int:
    """Look, and say what there is to say."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    dist = ROOT / "dist"
    built = [path.name for path in dist.iterdir()] if dist.is_dir() else []
    state = State(_git("tag", "--points-at", "HEAD").split(), _git("status", "--porcelain"), built)
    if found := wrong(__version__, changelog, state):
        sys.stderr.write("\n- ".join([f"{__version__} can't be released:", *found]) + "\n")
        return 1
    sys.stdout.write(next(section.text for section in sections(changelog) if section.version == __version__) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
