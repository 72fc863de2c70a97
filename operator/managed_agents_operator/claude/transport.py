"""The way out: httpx over aiohttp, and what its exceptions say about whether anything was sent.

Used by `Exchange` and `feed`. aiohttp carries the requests because that costs a quarter of the CPU of httpx's own
transport; it is imported here because the transport's translation of its exceptions calls a cut connection a failed
connect, which would make a lost answer look like a request that was never sent.
"""

from __future__ import annotations

import functools
import http.cookiejar
import ssl
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from managed_agents_operator.claude.errors import ClaudeError, Lost, Unsent

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
WRITE_SECONDS = 30.0
POOL_SECONDS = 10.0
MOST_CONNECTIONS = 50

KEEP_ALIVE_SECONDS = 4.0
"""Shorter than the 5 s after which common servers close an idle connection: a POST that meets such a close is lost."""


class Opening(NamedTuple):
    """A call that somebody else carries out. `secrets` are texts that no message may hold, `server` is for messages."""

    http: httpx.AsyncClient
    url: str
    headers: Mapping[str, str]
    secrets: tuple[str, ...]
    server: str


def open_http(*, proxies: bool) -> httpx.AsyncClient:
    """An HTTP client without redirects, cookies and memory of credentials; close it when done.

    `proxies` lets HTTPS_PROXY and NO_PROXY count. Must be called with a running loop.
    """
    tls = _trust()

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=MOST_CONNECTIONS, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=tls)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # A POST without a body has no content type; aiohttp would call it a stream of bytes.
            skip_auto_headers=["content-type"],
            trust_env=proxies,
        )

    no_cookies = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(
        transport=AiohttpTransport(verify=tls, client=session),
        cookies=no_cookies,
        follow_redirects=False,
        trust_env=False,
    )


@functools.cache
def _trust() -> ssl.SSLContext:
    """Whom we trust: one for all connections, since each takes 20 ms and a megabyte."""
    return httpx.create_ssl_context()


def timeouts(read: float) -> httpx.Timeout:
    """The time-outs of one call in seconds. `read` is the longest silence while waiting for the answer."""
    return httpx.Timeout(connect=CONNECT_SECONDS, read=read, write=WRITE_SECONDS, pool=POOL_SECONDS)


def what_failed(failure: Exception, server: str) -> ClaudeError:
    """`Unsent` where aiohttp surely had no connection yet, else `Lost`. `server` is host and port, for the message."""
    if isinstance(failure, UnicodeError | httpx.InvalidURL):
        # Raised by whoever reads the address, long before anything is sent to it.
        return Unsent(f"{server} is no address that can be called")
    if type(failure) is TimeoutError:
        return Lost(f"no answer from {server} in time")
    cause = failure if isinstance(failure, aiohttp.ClientError) else failure.__cause__
    match cause:
        case aiohttp.ClientConnectorDNSError():
            return Unsent(f"the name in {server} does not resolve")
        case aiohttp.ClientConnectorCertificateError():
            return Unsent(f"the TLS certificate of {server} is not trusted")
        case aiohttp.ClientSSLError():
            return Unsent(f"no TLS connection to {server}")
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            return Unsent(f"the proxy makes no connection to {server}")
        case aiohttp.ClientConnectorError():
            return Unsent(f"no connection to {server}")
        case aiohttp.ConnectionTimeoutError():
            return Unsent(f"no connection to {server} in time")
        case aiohttp.SocketTimeoutError():
            return Lost(f"no answer from {server} in time")
    return Lost(f"the connection to {server} was cut before the whole answer came")
