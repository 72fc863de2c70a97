"""Engine and kinds together against the simulator: what stands in the cluster is what lies in the session."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from tests.engine.world.cluster import Cluster
from tests.kinds.whole import Operator

SPEC = {
    "agent": {"id": "agent_sample"},
    "environment": {"id": "env_sample"},
    "resources": [
        {"name": "notes", "file": {"configMapKeyRef": {"name": "c", "key": "k"}, "mountPath": "/notes.csv"}},
        {"name": "key", "file": {"secretKeyRef": {"name": "s", "key": "k"}, "mountPath": "/key.pem"}},
        {"name": "data", "file": {"fileId": "file_sample", "mountPath": "/data.csv"}},
        {
            "name": "repo",
            "githubRepository": {
                "url": "https://github.com/o/r",
                "authorizationTokenSecretRef": {"name": "gh", "key": "token"},
            },
        },
    ],
}
SWITCHES: dict[str, dict[str, Any]] = {
    "as documented": {},
    "without a word": {"empty_resource_answers": True},
    "ids and paths as given": {"new_file_ids": False, "root_mount_paths": False},
}


@pytest.fixture
def cluster(clock) -> Cluster:
    cluster = Cluster(clock)
    cluster.apply("nightly", SPEC)
    return cluster


@pytest.fixture
def operator(connection, cluster) -> Operator:
    connection.cupboard.put("ConfigMap", "c", k="one")
    connection.cupboard.put("Secret", "s", k=b"\xffkey")
    connection.cupboard.put("Secret", "gh", token="ghp_first")
    return Operator(connection, cluster)


@pytest.fixture(params=SWITCHES)
def switches(request, control) -> None:
    control.modes(**SWITCHES[request.param])


def lies(control) -> dict[str, str]:
    """What lies in the one living session: path to sha256."""
    [session] = control.sessions(alive=True)
    digests = {file["id"]: file["sha256"] for file in control.files(scoped=True)}
    files = [one for one in session["resources"] if one["type"] == "file"]
    return {one["mount_path"].rsplit("/", 1)[-1]: digests[one["file_id"]] for one in files}


def uploads(control) -> list[str]:
    return sorted(file["sha256"] for file in control.files() if file["filename"].startswith("k8s-"))


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.usefixtures("switches")
async def test_a_life_of_mounts(connection, operator, control, cluster):
    operator.watch()
    await operator.live(20)
    assert operator.reasons("Synced") == {"Synced"}
    assert {name: lies(control)[name] for name in ("notes.csv", "key.pem")} == {
        "notes.csv": sha(b"one"),
        "key.pem": sha(b"\xffkey"),
    }
    assert uploads(control) == sorted([sha(b"one"), sha(b"\xffkey")])

    connection.cupboard.put("ConfigMap", "c", k="two")
    operator.hear()
    await operator.live(60)
    assert lies(control)["notes.csv"] == sha(b"two")
    assert uploads(control) == sorted([sha(b"two"), sha(b"\xffkey")]), "the old one is of no use"

    connection.cupboard.put("Secret", "gh", token="ghp_second")
    operator.hear()
    await operator.live(60)
    assert list(control.sessions()[0]["tokens"].values()) == ["ghp_second"]

    cluster.edit("nightly", resources=SPEC["resources"][2:])
    operator.hear()
    await operator.live(60)
    assert set(lies(control)) == {"data.csv"}
    assert uploads(control) == []
    assert operator.reasons("Synced") == {"Synced"}
    assert len(control.sessions()) == 1

    control.clear_requests()
    writes = cluster.writes
    await operator.live(60)
    assert not control.requests(method="POST"), "what is as it should be is left alone"
    assert cluster.writes == writes


LOSSES = [
    ("POST", "^/v1/files$", {"kind": "answer", "status": 500}),
    ("POST", "^/v1/files$", {"kind": "cut"}),
    ("POST", "^/v1/sessions$", {"kind": "cut"}),
    ("POST", "/resources$", {"kind": "cut"}),
    ("DELETE", "/resources/", {"kind": "answer", "status": 500}),
    ("DELETE", "^/v1/files/", {"kind": "cut"}),
]


@pytest.mark.parametrize(("method", "path", "effect"), LOSSES, ids=str)
async def test_answers_that_are_lost_leave_nothing_behind(connection, operator, control, cluster, method, path, effect):
    operator.watch()
    await operator.live(5)
    control.fault(method=method, path=path, when="after", times=1, **effect)
    connection.cupboard.put("ConfigMap", "c", k="two")
    operator.hear()
    await operator.live(600)
    assert lies(control)["notes.csv"] == sha(b"two")
    assert uploads(control) == sorted([sha(b"two"), sha(b"\xffkey")])
    assert len(control.sessions()) == 1
    cluster.delete("nightly")
    operator.hear()
    await operator.live(120)
    assert cluster.objects == {}
    assert uploads(control) == [], "with the resource all that it uploaded goes"


async def test_a_mount_that_a_sweep_shows_before_it_is_asked_for_is_brought_to_its_end(
    connection, operator, control, cluster
):
    """Its answer was lost, and after the write that tells of it nothing else rings."""
    operator.watch()
    await operator.live(5)
    control.fault("cut", method="POST", path="/resources$", when="after")
    connection.cupboard.put("ConfigMap", "c", k="two")
    operator.hear()
    while not control.faults()[0]["hits"]:
        await operator.live(0.01)
    operator.sweep_now()
    # Before the next one.
    await operator.live(4.5)
    assert lies(control)["notes.csv"] == sha(b"two")
    assert uploads(control) == sorted([sha(b"two"), sha(b"\xffkey")])
    assert operator.reasons("Synced") == {"Synced"}


async def test_an_upload_that_somebody_deletes_is_made_again(connection, operator, control):
    operator.watch()
    await operator.live(20)
    for file in control.files():
        if file["filename"].startswith("k8s-"):
            await connection.client.files.delete(file["id"])
    [session] = control.sessions()
    control.edit(session["id"], resources=[one for one in session["resources"] if one["type"] != "file"])
    await operator.live(900)
    assert set(lies(control)) == {"notes.csv", "key.pem", "data.csv"}
    assert operator.reasons("Synced") == {"Synced"}
