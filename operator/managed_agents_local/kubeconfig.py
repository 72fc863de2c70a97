"""Kubeconfig files for one cluster and one bearer token.

Called by `controlplane.py`, for its administrator and for service accounts.
"""

from pathlib import Path

import yaml

NAME = "managed-agents"


def write(path: Path, *, url: str, ca: Path, token: str, namespace: str = "default") -> Path:
    """Write a kubeconfig that only its owner can read, and give its path back."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": {"server": url, "certificate-authority": str(ca)}}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": namespace}}],
        "current-context": NAME,
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
