"""What is installed into Argo CD: the patch is that of the scripts, kustomize takes it, and the button works."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.health import argocd, verdicts
from tests.health.lua import CUSTOMIZATIONS, ROOT, run

from managed_agents_local import assets

CONFIG = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "argocd-cm", "namespace": "argocd"},
    "data": {"url": "https://argocd.example.org"},
}


def test_the_patch_is_that_of_the_scripts():
    assert argocd.FILE.read_text() == argocd.text(), "write it anew: make argocd"


def test_argo_cd_reads_in_it_what_stands_in_the_files():
    data = yaml.safe_load(argocd.FILE.read_text())["data"]
    for kind in ("Session", "Connection", "ClusterConnection"):
        script = data[f"resource.customizations.health.managedagents.dev_{kind}"]
        assert script == (CUSTOMIZATIONS / kind / "health.lua").read_text()
    actions = yaml.safe_load(data["resource.customizations.actions.managedagents.dev_Session"])
    assert actions["discovery.lua"] == (CUSTOMIZATIONS / "Session/actions/discovery.lua").read_text()
    [reconcile] = actions["definitions"]
    assert reconcile["name"] == "reconcile"
    assert reconcile["action.lua"] == (CUSTOMIZATIONS / "Session/actions/reconcile/action.lua").read_text()


def test_a_default_in_a_list_is_no_difference():
    """Those outside of lists Argo CD does not count. A list that is one value to server-side apply can't have any."""
    data = yaml.safe_load(argocd.FILE.read_text())["data"]
    ignored = {key.rpartition("_")[2]: yaml.safe_load(text) for key, text in data.items() if "ignoreDiff" in key}
    assert ignored == {
        "Session": {
            "jqPathExpressions": ['.spec.resources[]?.memoryStore | select(.access == "read_write") | .access'],
        },
    }


@pytest.mark.parametrize("namespace", [{"namespace": "argocd"}, {}], ids=["with a namespace", "as Argo CD ships it"])
def test_the_component_adds_to_the_configmap_that_is_there(tmp_path, namespace):
    """As a part of the kustomization that Argo CD is installed by, with the real kubectl."""
    shutil.copytree(ROOT, tmp_path / "component")
    config = CONFIG | {"metadata": {"name": "argocd-cm"} | namespace}
    (tmp_path / "argocd-cm.yaml").write_text(yaml.safe_dump(config))
    own = {"resources": ["argocd-cm.yaml"], "components": ["component"], "namespace": "argocd"}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(own))
    kubectl = assets.find() / "kubectl"
    built = subprocess.run([kubectl, "kustomize", tmp_path], capture_output=True, text=True, check=True).stdout
    [config] = yaml.safe_load_all(built)
    assert config["metadata"] == CONFIG["metadata"]
    assert config["data"] == CONFIG["data"] | argocd.data()


def test_the_button_asks_for_a_fresh_look_and_changes_nothing_else():
    session = {"metadata": {"name": "a", "annotations": {"theirs": "1"}}, "spec": {"title": "t"}}
    after = run(CUSTOMIZATIONS / "Session/actions/reconcile/action.lua", session)
    asked = after["metadata"]["annotations"].pop("managedagents.dev/reconcile-requested-at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", asked)
    assert after == session
    bare = run(CUSTOMIZATIONS / "Session/actions/reconcile/action.lua", {"metadata": {"name": "a"}})
    assert list(bare["metadata"]["annotations"]) == ["managedagents.dev/reconcile-requested-at"]


@pytest.mark.parametrize(("meta", "disabled"), [({}, False), ({"deletionTimestamp": "2026-11-20T12:00:00Z"}, True)])
def test_nothing_is_to_be_asked_of_what_is_going(meta, disabled):
    found = run(CUSTOMIZATIONS / "Session/actions/discovery.lua", {"metadata": meta})
    assert found == {"reconcile": {"disabled": disabled}}


def _tables():
    """The rows of both tables of the README: by verdict the reasons in each column."""
    tables, rows = [], None
    for line in (ROOT / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| Argo CD"):
            tables.append(rows := {})
        elif line.startswith("| ") and not line.startswith("| ---"):
            rows[cells[0], cells[1]] = [re.findall(r"`(\w+)`", cell) for cell in cells[2:]]
    return tables


def _by_verdict(*columns):
    verdict = list(dict.fromkeys(one for column in columns for one in column.values()))
    return {one: [[name for name, its in column.items() if its == one] for column in columns] for one in verdict}


def test_the_readme_tells_every_reason():
    sessions, connections = _tables()
    assert sessions == _by_verdict(verdicts.READY, verdicts.SYNCED)
    assert connections == _by_verdict(verdicts.CONNECTIONS)


def test_what_the_readme_names_is_there():
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert Path(ROOT / "argocd-cm.yaml").exists()
