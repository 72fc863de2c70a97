"""Which kubeconfig counts, and which namespace: as kubectl finds them."""

from __future__ import annotations

import pytest
import yaml

from managed_agents_operator.kube import contexts
from managed_agents_operator.settings import WrongSettings


def write(path, current=None, **namespaces):
    listed = [
        {"name": name, "context": {"cluster": "c", "user": "u"} | ({"namespace": one} if one else {})}
        for name, one in namespaces.items()
    ]
    clusters = [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}]
    users = [{"name": "u", "user": {}}]
    config = {"apiVersion": "v1", "kind": "Config", "clusters": clusters, "users": users, "contexts": listed}
    path.write_text(yaml.safe_dump(config | ({"current-context": current} if current else {})))
    return str(path)


def test_each_context_has_its_namespace_or_the_default_one(tmp_path):
    files = write(tmp_path / "one", "a", a="team", b=None)
    assert contexts.contexts(files) == ({"a": "team", "b": "default"}, "a")


def test_several_files_are_one(tmp_path):
    files = ":".join([write(tmp_path / "one", "a", a="team"), write(tmp_path / "two", b="other")])
    assert contexts.contexts(files) == ({"a": "team", "b": "other"}, "a")


@pytest.mark.parametrize("text", ["", "[", "{}", "contexts: 1"])
def test_what_is_none_is_told_in_one_line(tmp_path, text):
    (tmp_path / "odd").write_text(text)
    with pytest.raises(WrongSettings, match="KUBECONFIG: can't be used") as told:
        contexts.contexts(str(tmp_path / "odd"))
    assert "\n" not in str(told.value)


def test_what_is_given_counts_first_then_the_environment_then_the_usual_place(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", "named")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert contexts.kubeconfig("given") == "given"
    assert contexts.kubeconfig(None) == "named"
    monkeypatch.delenv("KUBECONFIG")
    usual = tmp_path / ".kube" / "config"
    assert contexts.kubeconfig(None) == str(usual)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert contexts.kubeconfig(None) is None
    usual.parent.mkdir()
    usual.write_text("")
    assert contexts.kubeconfig(None) == str(usual)


def test_in_a_pod_it_is_the_namespace_of_the_pod(tmp_path, monkeypatch):
    monkeypatch.setattr(contexts, "SERVICE_ACCOUNT", tmp_path)
    assert contexts.pod_namespace() == "default"
    (tmp_path / "namespace").write_text("team\n")
    assert contexts.pod_namespace() == "team"
