"""The keys of connections: read from their Secrets, kept in memory as long as nothing better comes.

Used by `connections`. The client asks for the headers before each call, so that another key counts at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from managed_agents_operator.api.connection import ConnectionSpec
from managed_agents_operator.engine.choosing import Place
from managed_agents_operator.engine.directory import Directory
from managed_agents_operator.engine.errors import ClusterError
from managed_agents_operator.engine.ports import SourceMissing, Sources
from managed_agents_operator.logs import hide


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


class Keyring:
    """The last good key of each connection; why one has none now is said in the directory."""

    def __init__(self, sources: Sources, directory: Directory) -> None:
        self._sources = sources
        self._directory = directory
        self._keys: dict[Place, Key] = {}
        self.stale: set[Place] = set()
        """Those whose Secret is to be read again."""

    def key(self, place: Place) -> Key | None:
        """The key of a connection, the one of before where there is none now."""
        return self._keys.get(place)

    def forget(self, place: Place) -> None:
        """Nobody needs it any more."""
        self._keys.pop(place, None)

    async def read(self, place: Place, spec: ConnectionSpec) -> bool:
        """Read it again if it may have changed; whether it is another one. Raises `ClusterUnreachable`."""
        if place not in self.stale:
            return False
        # Before it is read: what changes from now on is to be read again.
        self.stale.discard(place)
        try:
            headers = await read_key(self._sources, spec, self._directory.home(place))
        except NoKey as error:
            self._directory.say(place, str(error))
            return False
        except ClusterError:
            self.stale.add(place)
            raise
        self._directory.say(place, None)
        known = self._keys.setdefault(place, Key(headers))
        another, known.headers = known.headers != headers, headers
        return another
