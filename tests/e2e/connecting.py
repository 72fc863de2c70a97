"""Words and fixtures of the tests about connections: namespaces with keys of their own, and what is seen of them."""

from __future__ import annotations

import json

SHARED = {"kind": "ClusterConnection", "name": "shared"}


def connection(scene, name="default", kind="connection"):
    scope = ["-n", scene.namespace] if kind == "connection" else []
    return json.loads(scene.kubectl("get", kind, name, *scope, "-o", "json"))


def fares(scene, reason, name="default", kind="connection", timeout=40):
    """Until a connection says so; its message."""
    scope = ["-n", scene.namespace] if kind == "connection" else []
    path = f"{{.status.conditions[0].reason}}={reason}"
    scene.kubectl("wait", f"{kind}/{name}", *scope, f"--for=jsonpath={path}", f"--timeout={timeout}s")
    return connection(scene, name, kind)["status"]["conditions"][0]["message"]


def shared(scene, secret, workspace=None, **spec):
    """A ClusterConnection with its key in the namespace of the operator."""
    scene.control.add_key(secret, workspace)
    home = scene.within(scene.world.account.split(":")[-2])
    scene.apply(home.secret("shared", apiKey=secret))
    ref = {"apiKeySecretRef": {"name": "shared", "key": "apiKey"}}
    scene.apply(scene.connection("shared", "ClusterConnection", **(ref | spec)))


def keys(scene, since=0, path=""):
    """Of all calls that changed something, the keys."""
    return {c["key"] for c in scene.mutations(since) if path in c["path"]}


def finalizers(scene):
    return connection(scene)["metadata"].get("finalizers", [])


def alone(scene):
    """Start an operator without a key in its environment."""
    return scene.start(ANTHROPIC_API_KEY="")
