"""What is released: wheel and sdist, the same bytes from the same files, and one version everywhere."""

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from tests.release import State, sections, wrong

from managed_agents_operator import __version__

ROOT = Path(__file__).parents[1]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
KINDS_OF_CHANGE = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
VERSION = re.compile(r"\d+\.\d+\.\d+(?:-[0-9a-z.]+)?")


def build(source, out):
    """Build as `make dist` does, and answer the digests by name."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out)],
        cwd=source,
        env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"},
        check=True,
        capture_output=True,
    )
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    return out, build(ROOT, out)


def unpacked(out, where):
    with tarfile.open(next(out.glob("*.tar.gz"))) as sdist:
        sdist.extractall(where, filter="data")
    return next(where.iterdir())


def test_the_sdist_builds_the_same_bytes_again(built, tmp_path):
    """So there is all that a build needs in it, and nothing of when, where and by whom it was built."""
    out, digests = built
    assert set(digests) == {
        f"managed_agents_operator-{__version__}-py3-none-any.whl",
        f"managed_agents_operator-{__version__}.tar.gz",
    }
    source = unpacked(out, tmp_path / "elsewhere")
    for path in source.rglob("*.py"):
        os.utime(path, (1, 1))
    again = tmp_path / "again"
    assert build(source, again) == digests


def test_the_sdist_has_what_the_tests_need(built, tmp_path):
    source = unpacked(built[0], tmp_path)
    names = ["tests/conftest.py", "tests/e2e/pod.sh", "Makefile", ".ci/run", ".requirements/dev.txt", "README.md"]
    names += ["CHANGELOG.md", "crds/README.md", "deploy/samples/01-bare.yaml", "LICENSE", "pyproject.toml"]
    assert [name for name in names if not (source / name).exists()] == []
    assert [path for path in source.rglob("*") if path.name in {"__pycache__", ".venv", ".git"}] == []


def test_the_wheel_has_the_packages_and_what_they_apply(built):
    with zipfile.ZipFile(next(built[0].glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    source = ROOT / "operator"
    here = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    here = {name for name in here if "__pycache__" not in name}
    assert here - names == set()
    deploy = {path for folder in ("base", "samples") for path in (ROOT / "deploy" / folder).rglob("*.yaml")}
    copied = {f"managed_agents_local/deploy/{path.relative_to(ROOT / 'deploy').as_posix()}" for path in deploy}
    assert copied - names == set()
    assert not {name for name in names if name.startswith(("tests/", "managed_agents_operator/tests"))}


def test_the_version_stands_everywhere_as_in_the_package():
    """Where it has to be written down again, so that a cluster runs what was released."""
    image = re.compile(r"managed(?:-agents-operator:|_agents_operator-)(\d+\.\d+\.\d+\S*?)(?:-py3|[`\"'\s])")
    files = [ROOT / "README.md", *ROOT.glob("deploy/**/*.yaml"), *ROOT.glob("deploy/**/*.md")]
    tags = {(str(path.relative_to(ROOT)), tag) for path in files for tag in image.findall(path.read_text())}
    for path in ROOT.glob("deploy/**/kustomization.yaml"):
        for entry in yaml.safe_load(path.read_text()).get("images", ()):
            tags.add((str(path.relative_to(ROOT)), entry["newTag"]))
    for path in ROOT.glob("deploy/**/Chart.yaml"):
        chart = yaml.safe_load(path.read_text())
        tags |= {(str(path.relative_to(ROOT)), chart["version"]), (str(path.relative_to(ROOT)), chart["appVersion"])}
    assert {tag for _, tag in tags} == {__version__}, tags
    assert VERSION.fullmatch(__version__)
    assert "version" not in re.findall(r"^(\w+) =", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


def number(version):
    return tuple(int(part) for part in version.partition("-")[0].split("."))


def test_the_changelog_can_be_read_by_programs():
    first, *released = sections(CHANGELOG)
    assert first.version == "Unreleased"
    assert first.date is None
    versions = [section.version for section in released]
    assert all(VERSION.fullmatch(version) for version in versions)
    assert versions == sorted(set(versions), key=number, reverse=True), "the newest first"
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", section.date or "") for section in released)
    assert set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE)) <= KINDS_OF_CHANGE
    assert not versions or number(__version__) >= number(versions[0]), "the code is never older than its last release"


DATED = (
    "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-12-01\n\n### Added\n\n- A thing.\n\n## [1.1.0] - 2026-11-01\n"
)
FILES = ("managed_agents_operator-1.2.0-py3-none-any.whl", "managed_agents_operator-1.2.0.tar.gz", ".gitignore")
TAGGED = State(("v1.2.0",), "", FILES)
STATES = [
    ("all agree", DATED, TAGGED, []),
    ("another tag beside it", DATED, State(("v1.2.0", "good"), "", FILES), []),
    ("no such section", DATED.replace("1.2.0", "1.3.0"), TAGGED, ["no section '## [1.2.0] - <date>'"]),
    ("a section without a date", DATED.replace(" - 2026-12-01", ""), TAGGED, ["no section '## [1.2.0] - <date>'"]),
    ("changes that nobody moved", DATED.replace("d]\n", "d]\n\n- More.\n"), TAGGED, ["changes below Unreleased"]),
    ("no tag", DATED, State((), "", FILES), ["no tag v1.2.0"]),
    ("the tag of another version", DATED, State(("v1.1.0",), "", FILES), ["no tag v1.2.0"]),
    ("built from what nobody has", DATED, State(("v1.2.0",), " M Makefile", FILES), ["not all is committed"]),
    ("nothing built", DATED, State(("v1.2.0",), "", ()), ["run make dist"]),
    ("an older build beside it", DATED, State(("v1.2.0",), "", (*FILES, "x-1.1.0.tar.gz")), ["run make dist"]),
    ("nothing at all", "", State((), "?? x", ()), ["no section", "no tag", "not all", "make dist"]),
]


@pytest.mark.parametrize(("why", "changelog", "state", "told"), STATES)
def test_a_release_is_held_back(why, changelog, state, told):
    found = wrong("1.2.0", changelog, state)
    assert len(found) == len(told), why
    assert all(words in line for words, line in zip(told, found, strict=True))


def test_the_notes_of_a_release_are_its_section():
    assert [(one.version, one.date, one.text) for one in sections(DATED)] == [
        ("Unreleased", None, ""),
        ("1.2.0", "2026-12-01", "### Added\n\n- A thing."),
        ("1.1.0", "2026-11-01", ""),
    ]
