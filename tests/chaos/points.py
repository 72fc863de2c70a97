"""Every request by which the operator changes something, and death before it, in its midst and after its answer.

One life, in which each of them happens; the first one that matches is hit. What is left in the end is judged twice:
when the session is as it was asked for, and when its resource is gone.
"""

from __future__ import annotations

import time

from tests.chaos import oracle
from tests.chaos.oracle import Violation
from tests.chaos.stage import CANARIES, Stage, content, secret

DEATHS = ("kill", "kill in", "kill after")
POINTS = {
    "claim": ("kubernetes", "PATCH", r"/sessions/s0\?", 0),
    "status": ("kubernetes", "PATCH", r"/sessions/s0/status", 0),
    "second status": ("kubernetes", "PATCH", r"/sessions/s0/status", 1),
    "third status": ("kubernetes", "PATCH", r"/sessions/s0/status", 2),
    "upload": ("claude", "POST", r"^/v1/files", 0),
    "create": ("claude", "POST", r"^/v1/sessions\?", 0),
    "kick-off": ("claude", "POST", r"^/v1/sessions/[^/]+/events", 0),
    "update": ("claude", "POST", r"^/v1/sessions/[^/?]+\?", 0),
    "second upload": ("claude", "POST", r"^/v1/files", 1),
    "mount": ("claude", "POST", r"^/v1/sessions/[^/]+/resources\?", 0),
    "unmount": ("claude", "DELETE", r"^/v1/sessions/[^/]+/resources/", 0),
    "discard": ("claude", "DELETE", r"^/v1/files", 0),
    "rotate": ("claude", "POST", r"^/v1/sessions/[^/]+/resources/[^/]+\?", 0),
    "archive": ("claude", "POST", r"^/v1/sessions/[^/]+/archive", 0),
    "delete": ("claude", "DELETE", r"^/v1/sessions/[^/?]+\?", 0),
    "finalizer": ("kubernetes", "PATCH", r"/sessions/s0\?", 1),
}
PATIENCE = 60.0


def run(stage: Stage, point: str, death: str, number: int) -> None:
    """One life. Raises `Violation`, also when the point was never come to."""
    side, method, path, skip = POINTS[point]
    namespace = f"point-{number}"
    stage.clean()
    stage.kubectl("create", "namespace", namespace)
    stage.apply(secret(namespace, CANARIES["token"]), content(namespace, "one"))
    (stage.kubernetes if side == "kubernetes" else stage.claude).add(death, method, path, skip=skip)
    stage.run()
    spec = {
        "agent": {"id": "agent_sample"},
        "environment": {"id": "env_sample"},
        "title": "one",
        "deletionPolicy": "Delete" if point == "delete" else "Archive",
        "initialEvents": [{"type": "user.message", "text": f"Go {point}."}],
        "resources": [
            {"name": "c", "file": {"configMapKeyRef": {"name": "content", "key": "k"}, "mountPath": "/c.txt"}},
            {
                "name": "repo",
                "githubRepository": {
                    "url": "https://github.com/o/r",
                    "authorizationTokenSecretRef": {"name": "gh", "key": "token"},
                },
            },
        ],
    }
    stage.apply(_manifest(namespace, spec))
    _settled(stage, namespace)
    stage.apply(_manifest(namespace, spec | {"title": "two"}))
    _settled(stage, namespace)
    stage.apply(secret(namespace, CANARIES["renewed"]), content(namespace, "two"))
    oracle.quiet(stage, namespace)
    oracle.check(stage, namespace)
    stage.kubectl("delete", "session", "s0", "-n", namespace, "--wait=false")
    _wait(stage, "it is gone", lambda: not stage.sessions(namespace))
    oracle.check(stage, namespace)
    uploads = [file["filename"] for file in stage.control.files() if file["filename"].startswith("k8s-")]
    if uploads:
        raise Violation(f"uploads are left: {uploads}")
    if not stage.kubernetes.trace and not stage.claude.trace:
        raise Violation("it never came to that")


def _manifest(namespace: str, spec: dict) -> dict:
    head = {"apiVersion": "managedagents.dev/v1alpha1", "kind": "Session"}
    return {**head, "metadata": {"name": "s0", "namespace": namespace}, "spec": spec}


def _settled(stage: Stage, namespace: str) -> None:
    _wait(stage, "it is settled", lambda: all(map(oracle.settled, stage.sessions(namespace).values())))


def _wait(stage: Stage, what: str, holds) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        stage.mind()
        if time.monotonic() > end:
            raise Violation(f"not within {PATIENCE:.0f} s: {what}")
        time.sleep(0.1)
