"""What is true of every request: keys, versions, beta values, envelopes, request ids, sizes."""

from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from managed_agents_simulator import Simulator
from managed_agents_simulator.control import Control

BETA = "managed-agents-2026-04-01"
GOOD = {"x-api-key": "KEY", "anthropic-version": "2023-06-01", "anthropic-beta": BETA}


@pytest.fixture
async def http(simulator: Simulator) -> Any:
    """Requests without any header of ours."""
    async with httpx.AsyncClient(base_url=simulator.base_url, verify=False) as client:
        yield client


HEADERS = [
    ({}, 200, None, "x-api-key, as SDK 1.x sends it"),
    ({"x-api-key": None, "authorization": "Bearer KEY"}, 200, None, "Bearer, as SDK 2.x sends it"),
    ({"anthropic-version": "2026-10-21"}, 200, None, "the newer version"),
    ({"anthropic-beta": f"files-api-2025-04-14, {BETA}"}, 200, None, "one beta value among others"),
    ({"anthropic-workspace-id": "MINE"}, 200, None, "the key's own workspace"),
    ({"x-stainless-retry-count": "0"}, 200, None, "telemetry is ignored"),
    ({"x-api-key": None}, 401, "authentication_error", "no key"),
    ({"x-api-key": "sk-ant-wrong"}, 401, "authentication_error", "a wrong key"),
    ({"x-api-key": None, "authorization": "Bearer wrong"}, 401, "authentication_error", "a wrong token"),
    ({"x-api-key": None, "authorization": "Basic KEY"}, 401, "authentication_error", "another scheme"),
    ({"anthropic-version": None}, 400, "invalid_request_error", "no version"),
    ({"anthropic-version": "2020-01-01"}, 400, "invalid_request_error", "an unknown version"),
    ({"anthropic-beta": None}, 404, "not_found_error", "no beta value: the endpoint does not exist"),
    ({"anthropic-beta": "files-api-2025-04-14"}, 404, "not_found_error", "another beta value only"),
    ({"anthropic-beta": f"{BETA},made-up-2026-01-01"}, 400, "invalid_request_error", "an unknown beta value"),
    ({"anthropic-workspace-id": "wrkspc_other"}, 403, "permission_error", "another workspace than the key's"),
]


@pytest.mark.parametrize(("change", "status", "kind", "reason"), HEADERS, ids=[row[3] for row in HEADERS])
async def test_headers(
    http: httpx.AsyncClient,
    simulator: Simulator,
    change: dict[str, str | None],
    status: int,
    kind: str | None,
    reason: str,
) -> None:
    mine = simulator.world.keys[simulator.key].workspace
    filled = {
        name: value.replace("KEY", simulator.key).replace("MINE", mine)
        for name, value in {**GOOD, **change}.items()
        if value is not None
    }
    answer = await http.get("/v1/sessions", headers=filled)

    assert answer.status_code == status, reason
    if kind is not None:
        body = answer.json()
        assert body["type"] == "error"
        assert body["error"]["type"] == kind
        assert body["error"]["message"]
        assert body["request_id"] == answer.headers["request-id"]


async def test_an_unknown_beta_value_is_named(http: httpx.AsyncClient, simulator: Simulator) -> None:
    headers = {**GOOD, "x-api-key": simulator.key, "anthropic-beta": f"{BETA},made-up-2026-01-01"}

    assert "made-up-2026-01-01" in (await http.get("/v1/sessions", headers=headers)).text


async def test_every_answer_says_where_it_came_from(raw: httpx.AsyncClient, simulator: Simulator, bare: Any) -> None:
    for answer in (await raw.post("/v1/sessions", json=bare), await raw.get("/v1/sessions/sesn_none")):
        assert answer.headers["request-id"].startswith("req_")
        assert answer.headers["anthropic-organization-id"]
        assert answer.headers["anthropic-workspace-id"] == simulator.world.keys[simulator.key].workspace
        assert answer.headers["content-type"] == "application/json"


async def test_the_sdk_shows_the_request_id(client: AsyncAnthropic, bare: Any) -> None:
    session = await client.beta.sessions.create(**bare)
    assert session._request_id is not None
    assert session._request_id.startswith("req_")
    with pytest.raises(anthropic.NotFoundError) as missing:
        await client.beta.sessions.retrieve("sesn_none")
    assert missing.value.request_id is not None
    assert missing.value.type == "not_found_error"


async def test_the_sdk_knows_a_wrong_key(simulator: Simulator) -> None:
    async with AsyncAnthropic(base_url=simulator.base_url, api_key="sk-ant-wrong", max_retries=0) as sdk:
        with pytest.raises(anthropic.AuthenticationError):
            await sdk.beta.sessions.list()


async def test_beta_true_is_ignored_and_so_is_its_absence(
    http: httpx.AsyncClient, raw: httpx.AsyncClient, simulator: Simulator
) -> None:
    without = await http.get("/v1/sessions", headers={**GOOD, "x-api-key": simulator.key})

    assert without.status_code == (await raw.get("/v1/sessions")).status_code == 200


async def test_unknown_paths_and_methods_are_json(raw: httpx.AsyncClient) -> None:
    for method, path, status in (
        ("GET", "/v1/nothing", 404),
        ("GET", "/", 404),
        ("PATCH", "/v1/sessions", 405),
        ("DELETE", "/v1/agents/agent_sample", 405),
        ("GET", "/v1/sessions/", 404),
    ):
        answer = await raw.request(method, path)
        assert (answer.status_code, answer.json()["type"]) == (status, "error"), path


async def test_bodies_that_are_no_json(raw: httpx.AsyncClient) -> None:
    for content in (b"{", b"\xff\xfe", b""):
        answer = await raw.post("/v1/sessions", content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_a_body_above_32_megabytes_is_too_large(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    answer = await raw.post("/v1/sessions", json={**bare, "title": "x" * (32 * 1024 * 1024)})

    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "request_too_large"
    assert control.sessions() == []


async def test_keys_come_and_go(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    session = (await raw.post("/v1/sessions", json=bare)).json()["id"]
    second = control.add_key("sk-ant-second")
    as_second = {"x-api-key": second}
    path = f"/v1/sessions/{session}"
    assert (await raw.get(path, headers=as_second)).status_code == 200

    control.add_key(second, "other")
    assert (await raw.get(path, headers=as_second)).status_code == 404, "it was moved to another workspace"
    control.revoke_key(second)
    assert (await raw.get(path, headers=as_second)).status_code == 401
    control.add_key(second)
    assert (await raw.get(path, headers=as_second)).status_code == 200, "it works again"


async def test_everything_can_lie_below_a_path(bare: Any) -> None:
    """As behind a gateway, or at vendors whose address has a path of its own."""
    async with Simulator(prefix="/proxy/anthropic/") as simulator:
        assert simulator.base_url.endswith("/proxy/anthropic")
        async with (
            AsyncAnthropic(base_url=simulator.base_url, api_key=simulator.key, max_retries=0) as sdk,
            httpx.AsyncClient(base_url=simulator.base_url, verify=False) as http,
        ):
            session = await sdk.beta.sessions.create(**bare)
            assert (await sdk.beta.sessions.retrieve(session.id)).id == session.id
            assert (await http.get("/_simulator/health")).status_code == 200
            outside = simulator.base_url.replace("/proxy", "")
            headers = {**GOOD, "x-api-key": simulator.key}
            assert (await http.get(f"{outside}/v1/sessions", headers=headers)).status_code == 404


async def test_the_connection_is_kept(raw: httpx.AsyncClient, bare: Any) -> None:
    """Refusals don't cost a connection: a client with one connection goes on."""
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(base_url=raw.base_url, headers=raw.headers, limits=limits, verify=False) as narrow:
        for _ in range(3):
            assert (await narrow.post("/v1/sessions", json={})).status_code == 400
            assert (await narrow.post("/v1/sessions", json=bare)).status_code == 200


async def test_a_key_may_be_one_that_only_reads(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    reader = {"x-api-key": control.add_key("sk-ant-reader", reads_only=True)}

    assert (await raw.get("/v1/sessions", headers=reader)).status_code == 200
    refused = await raw.post("/v1/sessions", json=bare, headers=reader)
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "permission_error")
    assert control.sessions() == []
    control.add_key("sk-ant-reader")
    assert (await raw.post("/v1/sessions", json=bare, headers=reader)).status_code == 200
