"""The control plane on this machine: real, restartable, and gone when it is stopped, however that comes about."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from managed_agents_local import assets
from managed_agents_local.cluster import KubectlFailed
from managed_agents_local.controlplane import ControlPlane
from managed_agents_local.processes import NotReady

pytestmark = pytest.mark.e2e


@pytest.fixture
def directory(tmp_path, left_running):
    yield tmp_path / "controlplane"
    assert left_running(tmp_path) == []


@pytest.fixture
def crippled(tmp_path):
    """Real binaries but for the API server, which is a shell script."""

    def folder(script: str) -> Path:
        target = tmp_path / "assets"
        target.mkdir()
        for name in ("etcd", "kubectl"):
            (target / name).symlink_to(assets.find() / name)
        (target / "kube-apiserver").write_text(f"#!/bin/sh\n{script}\n")
        (target / "kube-apiserver").chmod(0o755)
        return target

    return folder


def test_a_life(directory, left_running):
    with ControlPlane(directory) as cluster:
        assert "v1.37.2" in cluster.kubectl("version").stdout
        cluster.kubectl("create", "namespace", "kept")
        url = cluster.url
        cluster.restart_apiserver()
        assert cluster.url == url
        assert cluster.kubectl("get", "namespace", "kept", "-o", "name").stdout == "namespace/kept\n"
        cluster.stop_apiserver()
        assert cluster.kubectl("get", "namespaces", check=False).returncode == 1
        cluster.start_apiserver()
        assert cluster.kubectl("get", "namespace", "kept", "-o", "name").stdout == "namespace/kept\n"
        cluster.backup(directory / "backup")
        cluster.kubectl("delete", "namespace", "kept", "--wait=false")
        cluster.kubectl("create", "namespace", "lost")
        cluster.restore(directory / "backup")
        there = cluster.kubectl("get", "namespaces", "-o", "name").stdout
        assert "namespace/kept\n" in there
        assert "namespace/lost\n" not in there
    cluster.stop()
    assert left_running(directory) == []
    assert not cluster.kubeconfig.stat().st_mode & 0o077
    assert (directory / "kube-apiserver.log").read_text()


def test_a_service_account_is_held_to_its_role_and_its_writes_are_counted(directory):
    with ControlPlane(directory) as cluster:
        cluster.kubectl("create", "serviceaccount", "robot")
        cluster.kubectl("create", "role", "robot", "--verb=create,get", "--resource=configmaps")
        cluster.kubectl("create", "rolebinding", "robot", "--role=robot", "--serviceaccount=default:robot")
        robot = cluster.service_account("default", "robot")
        mark = len(cluster.audit)
        cluster.kubectl("create", "configmap", "seen", config=robot)
        cluster.kubectl("get", "configmap", "seen", config=robot)
        with pytest.raises(KubectlFailed, match='cannot create resource "secrets"'):
            cluster.kubectl("create", "secret", "generic", "hidden", config=robot)
        wrote = cluster.audit.writes(user="system:serviceaccount:default:robot", since=mark)
        assert [(write.verb, write.resource, write.name, write.code) for write in wrote] == [
            ("create", "configmaps", "seen", 201),
            ("create", "secrets", "", 403),
        ]
        assert wrote[0].agent.startswith("kubectl/v1.37.2")
        assert cluster.audit.writes(user="nobody") == []


def test_a_start_that_fails_says_why_keeps_its_logs_and_leaves_nothing(directory, crippled, left_running):
    folder = crippled("echo 'no such flag: --colour' >&2; exit 1")
    with pytest.raises(NotReady, match=r"kube-apiserver: ended with 1(?s:.*)no such flag: --colour"):
        ControlPlane(directory, assets_directory=folder).start()
    assert left_running(directory) == []
    assert "no such flag" in (directory / "kube-apiserver.log").read_text()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_start_that_is_interrupted_leaves_nothing(how, directory, crippled):
    folder = crippled('echo "never ready"; while :; do sleep 0.1; done')
    code = f"""
from pathlib import Path
from managed_agents_local.controlplane import ControlPlane
ControlPlane(Path({str(directory)!r}), assets_directory=Path({str(folder)!r})).start()
"""
    log = directory / "kube-apiserver.log"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL, env=dict(os.environ)) as child:
        try:
            while not log.exists() or "never ready" not in log.read_text():
                assert child.poll() is None
            child.send_signal(how)
            child.wait(60)
        finally:
            child.kill()
    # The fixture checks that nothing is left running.


def test_a_directory_serves_again(tmp_path):
    """What an earlier run left behind does not lock the next one out."""
    for _ in range(2):
        with ControlPlane(tmp_path) as cluster:
            assert "default" in cluster.kubectl("get", "namespaces").stdout
