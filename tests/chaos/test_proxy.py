"""The broken way does what is said of it: a judge that breaks nothing would find nothing."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from tests.chaos.proxy import Proxy


class Upstream(BaseHTTPRequestHandler):
    asked: list[tuple[str, str, str, bytes]]

    def _answer(self):
        length = int(self.headers.get("content-length") or 0)
        self.asked.append((self.command, self.path, self.headers.get("authorization", ""), self.rfile.read(length)))
        body = b'{"so": "many", "bytes": "that they can be cut"}'
        self.send_response(201)
        self.send_header("content-length", str(len(body)))
        self.send_header("request-id", "req_1")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815 (the names that the base class looks for)

    def log_message(self, *_):
        pass


class Way:
    def __init__(self, proxy, asked, killed):
        self.proxy, self.asked, self.killed = proxy, asked, killed

    def post(self, path="/v1/sessions?beta=true", **more):
        return httpx.post(self.proxy.url + path, content=b"{}", trust_env=False, timeout=5, **more)


@pytest.fixture
def way():
    asked, killed = [], []
    handler = type("Handler", (Upstream,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Proxy("claude", f"http://127.0.0.1:{server.server_port}", None, lambda: killed.append(len(asked))) as proxy:
        yield Way(proxy, asked, killed)
    server.shutdown()
    server.server_close()


def test_whole_it_carries_everything(way):
    answer = way.post(headers={"authorization": "Bearer x"})
    assert (answer.status_code, answer.json()["so"], answer.headers["request-id"]) == (201, "many", "req_1")
    assert way.asked == [("POST", "/v1/sessions?beta=true", "Bearer x", b"{}")]
    assert way.proxy.trace == []


# What is done, whether the request arrives how often, whether the answer does, and when the process dies (by requests).
ACTS = [
    ("drop", 0, False, [], "lost on its way"),
    ("answer", 0, True, [], "refused by somebody in between"),
    ("cut", 1, False, [], "its answer is lost"),
    ("truncate", 1, False, [], "half an answer"),
    ("twice", 2, True, [], "sent again by the network"),
    ("delay", 1, True, [], "late"),
    ("late", 1, True, [], "its answer is late"),
    ("kill", 1, True, [0], "death before it arrives: it arrives all the same"),
    ("kill in", 1, False, [1], "death while it is answered"),
    ("kill after", 1, True, [1], "death as the answer comes"),
]


@pytest.mark.parametrize(("act", "arrives", "answered", "deaths", "why"), ACTS)
def test_what_is_done_to_a_request(way, act, arrives, answered, deaths, why):
    way.proxy.add(act, "POST", r"^/v1/sessions\?", seconds=0.1, status=429)
    if answered:
        assert way.post().status_code == (429 if act == "answer" else 201), why
    else:
        with pytest.raises(httpx.TransportError):
            way.post()
    time.sleep(0.1)
    assert (len(way.asked), way.killed) == (arrives, deaths), why
    assert len(way.proxy.trace) == 1
    assert way.post().status_code == 201, "only once"


def test_what_is_held_goes_on_when_all_is_mended(way):
    way.proxy.add("hold", "POST", "sessions")
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(way.post().status_code))
    waiting.start()
    time.sleep(0.3)
    assert (way.asked, answers) == ([], [])
    way.proxy.clear()
    waiting.join(5)
    assert answers == [201]


def test_others_pass_and_the_first_ones_do(way):
    way.proxy.add("drop", "POST", "/events", skip=1, times=2)
    assert way.post("/v1/sessions").status_code == 201
    assert way.post("/v1/sessions/a/events").status_code == 201
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            way.post("/v1/sessions/a/events")
    assert way.post("/v1/sessions/a/events").status_code == 201


def test_nobody_knows_how_to_do_that(way):
    with pytest.raises(ValueError, match="nobody knows how to bend"):
        way.proxy.add("bend", "POST", "/")
