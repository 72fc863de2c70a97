"""Every way in which a request can go wrong: what the client sees, and whether it was carried out."""

import asyncio
from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from managed_agents_simulator import Simulator
from managed_agents_simulator.control import Control, ControlError

SESSIONS = "^/v1/sessions$"


async def create(raw: httpx.AsyncClient, bare: Any) -> httpx.Response:
    return await raw.post("/v1/sessions", json=bare)


async def test_the_answer_is_lost_after_the_work_was_done(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    control.fault("cut", method="POST", path=SESSIONS, when="after")
    with pytest.raises(httpx.RemoteProtocolError):
        await create(raw, bare)

    assert len(control.sessions()) == 1
    assert control.requests()[-1]["status"] is None


async def test_the_connection_is_cut_before_anything_happens(
    raw: httpx.AsyncClient, control: Control, bare: Any
) -> None:
    control.fault("cut", method="POST", path=SESSIONS, when="before")
    with pytest.raises(httpx.RemoteProtocolError):
        await create(raw, bare)

    assert control.sessions() == []
    assert (await create(raw, bare)).status_code == 200, "once was all"


async def test_the_sdk_creates_twice_when_an_answer_is_lost(simulator: Simulator, bare: Any) -> None:
    """What an operator must not do: the client retries, and there is no idempotency."""
    simulator.control.fault("cut", method="POST", path=SESSIONS, when="after")
    async with AsyncAnthropic(base_url=simulator.base_url, api_key=simulator.key, max_retries=1) as sdk:
        await sdk.beta.sessions.create(**bare)

    assert len(simulator.control.sessions()) == 2


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("status", [500, 502, 529])
async def test_another_answer_is_given(
    raw: httpx.AsyncClient, control: Control, bare: Any, when: str, made: int, status: int
) -> None:
    control.fault("answer", method="POST", path=SESSIONS, when=when, status=status)
    answer = await create(raw, bare)

    assert answer.status_code == status
    assert answer.json()["type"] == "error"
    assert answer.json()["request_id"] == answer.headers["request-id"]
    assert len(control.sessions()) == made


async def test_an_answer_of_any_kind(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    control.fault("answer", status=503, body="try later", headers={"X-Should-Retry": "false"})
    text = await create(raw, bare)
    control.fault("answer", status=409, body={"error": {"odd": True}})
    odd = await create(raw, bare)

    assert (text.status_code, text.text, text.headers["x-should-retry"]) == (503, "try later", "false")
    assert (odd.status_code, odd.json()) == (409, {"error": {"odd": True}})


async def test_rate_limits_with_and_without_a_time(
    raw: httpx.AsyncClient, client: AsyncAnthropic, control: Control, bare: Any
) -> None:
    control.fault("rate_limit", retry_after=7)
    limited = await create(raw, bare)
    control.fault("rate_limit")
    vague = await create(raw, bare)
    control.fault("rate_limit", retry_after=0.5)

    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    assert limited.json()["error"]["type"] == "rate_limit_error"
    assert vague.status_code == 429
    assert "retry-after" not in vague.headers
    with pytest.raises(anthropic.RateLimitError) as refused:
        await client.beta.sessions.list()
    assert refused.value.response.headers["retry-after"] == "0.5"
    assert control.sessions() == []


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
async def test_a_request_is_held_until_it_is_let_go(
    raw: httpx.AsyncClient, control: Control, bare: Any, when: str, made: int
) -> None:
    rule = control.fault("delay", method="POST", path=SESSIONS, when=when)
    pending = asyncio.create_task(create(raw, bare))
    async with asyncio.timeout(30):
        while not control.faults()[0]["hits"] or len(control.sessions()) != made:  # noqa: ASYNC110 (nothing tells)
            await asyncio.sleep(0.01)
    assert not pending.done()
    control.remove_fault(rule)

    assert (await pending).status_code == 200
    assert len(control.sessions()) == 1


async def test_a_delay_passes_by_itself(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    control.fault("delay", seconds=0.01)

    assert (await create(raw, bare)).status_code == 200


async def test_a_client_may_give_up_while_it_waits(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    rule = control.fault("delay", method="POST", path=SESSIONS, when="after")
    with pytest.raises(httpx.ReadTimeout):
        await raw.post("/v1/sessions", json=bare, timeout=httpx.Timeout(5, read=0.2))
    control.remove_fault(rule)

    assert len(control.sessions()) == 1
    assert (await create(raw, bare)).status_code == 200


async def test_garbage_comes_back(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    control.fault("garbage", method="POST", path=SESSIONS)
    answer = await create(raw, bare)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert len(control.sessions()) == 1, "it was carried out"
    control.fault("garbage", when="before", status=502)
    assert (await create(raw, bare)).status_code == 502
    assert len(control.sessions()) == 1


async def test_half_an_answer(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    control.fault("truncate", method="POST", path=SESSIONS)
    with pytest.raises(httpx.RemoteProtocolError):
        await create(raw, bare)

    assert len(control.sessions()) == 1
    assert control.requests()[-1]["status"] == 200, "it looked well at first"


async def test_an_answer_in_small_pieces(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    control.fault("slow", method="POST", path=SESSIONS, seconds=0.05)
    async with raw.stream("POST", "/v1/sessions", json=bare) as answer:
        pieces = [piece async for piece in answer.aiter_raw()]

    assert len(pieces) > 1
    assert control.sessions()[0]["id"].encode() in b"".join(pieces)


async def test_skip_times_and_counts(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    control.fault("answer", method="post", path=SESSIONS, skip=1, times=2, status=500)
    answers = [(await create(raw, bare)).status_code for _ in range(5)]

    assert answers == [200, 500, 500, 200, 200]
    assert (control.faults()[0]["seen"], control.faults()[0]["hits"]) == (5, 2)
    hit = [entry["fault"] for entry in control.requests()]
    assert hit == [None, 1, 1, None, None]


async def test_rules_are_for_what_they_name(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    second = control.add_key("sk-ant-second")
    control.fault("answer", method="GET", path="/archive$", status=500, times=None)
    control.fault("answer", key=second[-4:], status=503, times=None)

    assert (await create(raw, bare)).status_code == 200
    assert (await raw.get("/v1/sessions/sesn_x/archive")).status_code == 500
    for _ in range(3):
        assert (await raw.get("/v1/sessions", headers={"x-api-key": second})).status_code == 503
    control.clear_faults()
    assert (await raw.get("/v1/sessions", headers={"x-api-key": second})).status_code == 200


async def test_a_rule_can_name_a_text_of_the_body(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    control.fault("answer", path=SESSIONS, containing='"two"', status=500, times=None)

    assert (await create(raw, bare | {"title": "one"})).status_code == 200
    assert (await create(raw, bare | {"title": "two"})).status_code == 500
    assert (await raw.get("/v1/sessions")).status_code == 200
    assert control.faults()[0]["containing"] == '"two"'


async def test_the_first_rule_that_hits_is_the_only_one(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    control.fault("answer", status=500)
    control.fault("answer", status=502)

    assert [(await create(raw, bare)).status_code for _ in range(3)] == [500, 502, 200]


async def test_the_control_api_is_never_hit(control: Control, simulator: Simulator) -> None:
    control.fault("cut", times=None)
    async with httpx.AsyncClient(base_url=simulator.base_url, verify=False) as http:
        assert (await http.get("/_simulator/health")).json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("kind", "rule", "named"),
    [
        ("explode", {}, "kind"),
        ("cut", {"when": "during"}, "when"),
        ("cut", {"path": "("}, "regular expression"),
        ("answer", {"status": 42}, "status"),
        ("answer", {"volume": 11}, "volume"),
        ("delay", {"seconds": -1}, "seconds"),
        ("cut", {"times": 0}, "times"),
        ("truncate", {"when": "before"}, "when"),
    ],
)
async def test_rules_that_make_no_sense(control: Control, kind: str, rule: Any, named: str) -> None:
    with pytest.raises(ControlError, match=named):
        control.fault(kind, **rule)
