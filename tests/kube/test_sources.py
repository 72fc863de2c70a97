"""ConfigMaps and Secrets: what is read, byte for byte, and what is missing."""

from __future__ import annotations

import base64

import pytest
from tests.kube.conftest import status

from managed_agents_operator.engine.errors import ClusterUnreachable
from managed_agents_operator.engine.ports import SourceMissing
from managed_agents_operator.kube.sources import Sources

NO_TEXT = b"\xff\xfe\x00\x80"
METADATA = {"namespace": "ns", "name": "a", "uid": "u1", "resourceVersion": "7"}
ENCODED = {
    "token": base64.b64encode(b"ghp_needle\n").decode(),
    "binary": base64.b64encode(NO_TEXT).decode(),
    "empty": "",
}
SECRET = {"metadata": METADATA, "data": ENCODED}
CONFIG_MAP = {
    "metadata": METADATA,
    "data": {"text": "ghp_needle\r\nÄ\n", "empty": "", "token": "Z2hw"},
    "binaryData": {"binary": ENCODED["binary"], "hollow": ""},
}

CONTENTS = [
    ("Secret", SECRET, "token", b"ghp_needle\n", "the line break is the user's"),
    ("Secret", SECRET, "binary", NO_TEXT, "no text"),
    ("Secret", SECRET, "empty", b"", "an empty file is a file"),
    ("ConfigMap", CONFIG_MAP, "text", "ghp_needle\r\nÄ\n".encode(), "text as it was written"),
    ("ConfigMap", CONFIG_MAP, "token", b"Z2hw", "text that could be base64 is text"),
    ("ConfigMap", CONFIG_MAP, "binary", NO_TEXT, "no text"),
    ("ConfigMap", CONFIG_MAP, "empty", b"", "an empty file is a file"),
    ("ConfigMap", CONFIG_MAP, "hollow", b"", "without a single byte"),
]


@pytest.mark.parametrize(("kind", "body", "key", "value", "reason"), CONTENTS)
async def test_a_key_is_read_byte_for_byte(server, cluster, kind, body, key, value, reason):
    server.says((200, body))
    found = await Sources(cluster).read(kind, "ns", "a", key)
    assert found.value == value, reason
    assert (found.uid, found.resource_version) == ("u1", "7")
    assert "needle" not in repr(found)
    assert server.requests[0][:2] == ("GET", f"/api/v1/namespaces/ns/{kind.lower()}s/a")


MISSING = [
    ("Secret", (200, SECRET), "a", "nope", "nope in Secret ns/a is missing", "the key"),
    ("Secret", (200, {**SECRET, "data": None}), "a", "token", "token in Secret ns/a is missing", "all keys"),
    ("Secret", status(404), "a", "token", "Secret ns/a does not exist", "the Secret"),
    ("Secret", (200, SECRET), "../a", "token", "Secret ns/../a does not exist", "none is called so, no URL is made"),
    ("ConfigMap", (200, CONFIG_MAP), "a", "nope", "nope in ConfigMap ns/a is missing", "the key"),
    ("ConfigMap", (200, {"metadata": METADATA}), "a", "k", "k in ConfigMap ns/a is missing", "all keys"),
    ("ConfigMap", status(404), "a", "text", "ConfigMap ns/a does not exist", "the ConfigMap"),
]


@pytest.mark.parametrize(("kind", "answer", "name", "key", "said", "reason"), MISSING)
async def test_what_is_missing_is_named(server, cluster, kind, answer, name, key, said, reason):
    server.says(answer)
    with pytest.raises(SourceMissing) as raised:
        await Sources(cluster).read(kind, "ns", name, key)
    assert str(raised.value) == said, reason
    assert raised.value.kind == kind
    assert raised.value.key == (None if "exist" in said else key), reason
    assert raised.value.__cause__ is None, "no content comes along"


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
async def test_not_allowed_is_not_missing(server, cluster, kind):
    server.says(status(403, "it is forbidden"))
    with pytest.raises(ClusterUnreachable, match="forbidden"):
        await Sources(cluster).read(kind, "ns", "a", "token")
