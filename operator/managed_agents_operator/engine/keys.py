"""The key of one connection: read from its Secret, kept in memory as long as nothing better comes.

Used by `connections`. The client asks for the headers before each call, so that another key counts at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from managed_agents_operator.api.connection import ConnectionSpec
from managed_agents_operator.engine.ports import SourceMissing, Sources
from managed_agents_operator.telemetry import hide


class NoKey(Exception):
    """There is none, or none that could be sent. The text says why and what to do, and never holds the key."""


class Key:
    """The headers that sign a call."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = headers

    def __call__(self) -> Mapping[str, str]:
        """`x-api-key`, or `authorization` for a token."""
        return self.headers


async def read_key(sources: Sources, spec: ConnectionSpec, namespace: str) -> Mapping[str, str]:
    """The headers by what stands in the Secret now. Raises `NoKey`, `ClusterUnreachable`."""
    ref = spec.secret_ref
    where = f"{ref.key} in Secret {namespace}/{ref.name}"
    try:
        value = (await sources.read("Secret", namespace, ref.name, ref.key)).value
    except SourceMissing as missing:
        raise NoKey(f"{missing}: create it, or name another one in {spec.secret_field}") from None
    try:
        text = value.decode("ascii").strip()
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable() or " " in text:
        # No word of it, whatever it is.
        raise NoKey(f"{where} holds no key: put the key there, with no blanks and nothing else around it")
    hide(text)
    return {"x-api-key": text} if spec.api_key_secret_ref else {"authorization": f"Bearer {text}"}
