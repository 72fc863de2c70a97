"""The way to the API server: address, TLS, credentials that renew themselves, bounded connections.

Made once by `app`; the rest of this package asks through it, and `handlers` takes the framework's session from it. The
official client reads the configuration, authenticates and makes the connections; requests bypass its generated methods
and models, which cost three times the CPU and know nothing of our objects. Two of these calls and the POST are a
quarter of what a creation takes (`make profile`): aiohttp's own work. What a URL or an object means is the callers'.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
import yaml
from aiohttp.http import HttpProcessingError
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from yarl import URL

from managed_agents_operator import __version__
from managed_agents_operator.engine.errors import ClusterUnreachable, ObjectGone
from managed_agents_operator.kube.answers import Expired, failure, parsed
from managed_agents_operator.kube.requests import Request
from managed_agents_operator.settings import WrongSettings

FIELD_MANAGER = "managed-agents-operator"
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

_CALL = aiohttp.ClientTimeout(total=10, sock_connect=5)
_STREAM = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=120)
# What the client's loaders raise, for whatever may be in a file.
UNUSABLE = (ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, AttributeError, KeyError)
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_REAUTHENTICATE_SECONDS = 10
_LARGE = 2**20 - 1
"""Bytes from which on a body is sent piece by piece, so that the loop goes on meanwhile."""
_LINE = 2**21  # half of the longest line of a watch: 256 KiB of annotations may be six times that in JSON

log = logging.getLogger(__name__)


def object_path(group: str, version: str, plural: str, namespace: str | None, name: str | None = None) -> str:
    """The path of a collection (of all namespaces, or of one) or of one object.

    Raises `ObjectGone` for names that no object can have: they come from what users write.
    """
    parts = [f"/apis/{group}/{version}" if group else f"/api/{version}"]
    for word, part in (("namespaces", namespace), (None, plural), (None, name)):
        if part is None:
            continue
        if not _NAME.fullmatch(part):
            raise ObjectGone(f"{part!r} is no name of a Kubernetes object")
        parts.append(f"{word}/{part}" if word else part)
    return "/".join(parts)


def _refuse_nowhere(kubeconfig: str | None) -> None:
    if kubeconfig is None:
        if not os.environ.get("KUBERNETES_SERVICE_HOST"):
            raise WrongSettings("KUBECONFIG: not set, and this is no pod: name the file that kubectl uses")
    elif not any(Path(path).expanduser().is_file() for path in kubeconfig.split(os.pathsep)):
        raise WrongSettings(f"KUBECONFIG: there is no file {kubeconfig}: name the one that kubectl uses")


def _proxy(server: str) -> str | None:
    parts = urlsplit(server)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)


class _Connections(RESTClientObject):
    """The client's connections as sessions to be used directly, by the extension point it documents."""

    def session(self, **more: Any) -> aiohttp.ClientSession:
        self.configuration.client_session_kwargs = more
        return self._create_pool_manager()


class Cluster:
    """One API server. An async context manager; sessions are opened when it is entered.

    `server` is its base URL, without a slash at the end.
    """

    def __init__(self, load: Callable[[Configuration], Any], configuration: Configuration, connections: int) -> None:
        self._load = load
        self._configuration = configuration
        self._connections = connections
        self._authenticated = float("-inf")
        self._stack = contextlib.AsyncExitStack()
        self.server: str = configuration.host

    @classmethod
    async def connect(cls, kubeconfig: str | None, *, context: str | None = None, connections: int = 32) -> Self:
        """Reads how to reach the cluster, without calling it. Raises `WrongSettings` when nothing says how."""

        async def load(configuration: Configuration) -> None:
            if kubeconfig is not None:
                read: Any = load_kube_config  # the client has no types here
                await read(kubeconfig, context=context, client_configuration=configuration, persist_config=False)
            else:
                read = load_incluster_config
                read(client_configuration=configuration)

        _refuse_nowhere(kubeconfig)
        configuration = Configuration()
        # As in Go: the certificates of many clusters lack an extension that Python 3.13 began to insist on.
        configuration.disable_strict_ssl_verification = True
        try:
            await load(configuration)
        except UNUSABLE as e:
            reason = " ".join(str(e).split())[:200]
            raise WrongSettings(f"KUBECONFIG: can't be used ({reason}): check it with kubectl version") from None
        return cls(load, configuration, connections)

    async def __aenter__(self) -> Self:
        self._calls = await self._stack.enter_async_context(self.session())
        # Streams stay open: in the bounded pool, thirty-two namespaces would leave nothing for a write.
        self._streams = await self._stack.enter_async_context(self.session(connections=0))
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    def session(
        self, *, connections: int | None = None, on_answer: Callable[[str, Mapping[str, str], int], None] | None = None
    ) -> aiohttp.ClientSession:
        """A new session of the caller's own, with credentials that renew themselves.

        `connections` bounds it (0: unbounded, None: as this one), `on_answer` is told path, query and status when the
        headers of an answer are there.
        """

        async def authorize(request: aiohttp.ClientRequest, call: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            request.headers.update(await self._authorization())
            request.server_hostname = self._configuration.tls_server_name
            response = await call(request)
            if on_answer is not None:
                on_answer(request.url.path, request.url.query, response.status)
            return response

        self._configuration.connection_pool_maxsize = self._connections if connections is None else connections
        return _Connections(self._configuration).session(
            middlewares=(authorize,),
            headers={"User-Agent": f"{FIELD_MANAGER}/{__version__}"},
            # Found out once: aiohttp would ask the environment twice for each request, in a thread.
            trust_env=False,
            proxy=self._configuration.proxy or _proxy(self.server),
        )

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> dict[str, Any]:
        """One request and its answer, parsed. Raises the `ClusterError` that follows from the status.

        Nothing is repeated, but for a 401: it was surely not carried out, and fresh credentials may be there.
        """
        data = None if body is None else orjson.dumps(body)
        headers = {"Accept": accept} if data is None else {"Accept": accept, "Content-Type": content_type}
        ask = {"params": params, "data": data, "headers": headers, "timeout": _CALL}
        status, content = await self._ask(method, path, ask)
        if status == 401 and await self._reauthenticate():
            status, content = await self._ask(method, path, ask)
        if status >= 300:
            raise failure(status, content)
        try:
            return parsed(content)
        except ValueError:
            raise ClusterUnreachable(f"the API server's answer {status} can't be read") from None

    async def pages(self, path: str, accept: str = JSON, limit: int = 500) -> AsyncIterator[dict[str, Any]]:
        """A list, page by page. Raises as `call` does."""
        more = ""
        while True:
            page = await self.call("GET", path, params={"limit": str(limit), "continue": more}, accept=accept)
            yield page
            if not (more := page["metadata"].get("continue", "")):
                return

    async def _ask(self, method: str, path: str, ask: dict[str, Any]) -> tuple[int, bytes]:
        if (data := ask["data"]) is not None and len(data) > _LARGE:
            ask = {**ask, "data": io.BytesIO(data)}
        async with Request(method, path, data) as request, self._answer(self._calls, method, path, **ask) as response:
            content = await response.read()
            request.status = response.status
        return response.status, content

    async def stream(
        self, path: str, *, params: Mapping[str, str], accept: str = JSON, on_open: Callable[[], None] = lambda: None
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The events of a watch, each `{type, object}`, until the server ends it. Raises as `call` does.

        `on_open` is called once the server has granted it: the first event may be far off.
        """
        ask = {"params": params, "headers": {"Accept": accept}, "timeout": _STREAM, "read_bufsize": _LINE}
        async with self._answer(self._streams, "GET", path, **ask) as response:
            if response.status == 401:
                await self._reauthenticate()
            if response.status >= 300:
                raise failure(response.status, await response.read())
            on_open()
            try:
                async for line in response.content:
                    event = parsed(line)
                    if event.get("type") == "ERROR":
                        raise failure(event["object"].get("code", 500), line)
                    yield event
            except HttpProcessingError:
                raise Expired("an event is too long to be read") from None

    @contextlib.asynccontextmanager
    async def _answer(
        self, session: aiohttp.ClientSession, method: str, path: str, **more: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            url = URL(self.server + path, encoded=True)
            # Not followed: a redirect would take the token elsewhere.
            async with session.request(method, url, allow_redirects=False, **more) as response:
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as e:
            # ValueError: a line longer than the buffer.
            raise ClusterUnreachable(f"the API server did not answer ({type(e).__name__})") from e

    async def _authorization(self) -> dict[str, str]:
        token = (await self._configuration.auth_settings()).get("BearerToken")
        return {} if token is None or token["value"] is None else {"Authorization": token["value"]}

    async def _reauthenticate(self) -> bool:
        """Read the credentials again, unless that was just done; whether it is worth another try."""
        if time.monotonic() - self._authenticated < _REAUTHENTICATE_SECONDS:
            return False
        self._authenticated = time.monotonic()
        try:
            await self._load(self._configuration)
        except UNUSABLE as e:
            log.warning("The API server refuses our credentials, and new ones can't be read: %s", type(e).__name__)
            return False
        return True
