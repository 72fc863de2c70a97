"""The command line: what it offers, and what it says when it can't."""

import re

import pytest

from managed_agents_local.__main__ import main, parser


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch):
    for name in ("KUBEBUILDER_ASSETS", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("command", ["assets", "up"])
def test_help_tells_all(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "stdout" in told
    assert all(len(line) <= 120 for line in told.splitlines())
    assert command in parser().format_help()


def test_the_folder_is_the_last_line_on_stdout(tmp_path, monkeypatch, capsys):
    for name in ("etcd", "kube-apiserver", "kubectl"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert main(["assets"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}\n"


def test_a_failure_is_told_in_words_and_not_on_stdout(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert main(["assets"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert re.search(r"^managed-agents-local: KUBEBUILDER_ASSETS=.* has no etcd, kube-apiserver, kubectl", told.err)


@pytest.mark.parametrize(
    ("kubeconfig", "path", "said"),
    [
        (None, "/usr/bin", "KUBECONFIG is not set"),
        ("/nowhere", "/usr/bin", "KUBECONFIG=/nowhere is not one file"),
        ("/dev/../etc/passwd", "/nowhere", "kubectl is not on PATH"),
    ],
)
def test_an_existing_cluster_is_never_guessed(kubeconfig, path, said, tmp_path, monkeypatch, capsys):
    if kubeconfig:
        monkeypatch.setenv("KUBECONFIG", kubeconfig)
    monkeypatch.setenv("PATH", path)
    assert main(["up", "--use-existing-cluster", f"--directory={tmp_path}"]) == 1
    assert said in capsys.readouterr().err
