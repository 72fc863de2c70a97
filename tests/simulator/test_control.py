"""The control API: the log, the journal, edits from outside, and its client over HTTP."""

import asyncio
import hashlib
from dataclasses import asdict
from typing import Any

import httpx
import pytest
from anthropic import AsyncAnthropic

from managed_agents_simulator import Simulator
from managed_agents_simulator.control import Control, ControlError
from managed_agents_simulator.modes import Modes
from managed_agents_simulator.sessions.behaviour import Behaviour


async def test_the_log_keeps_requests_in_order(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    session = (await raw.post("/v1/sessions", json={**bare, "title": "x"})).json()["id"]
    await raw.get(f"/v1/sessions/{session}", params={"a": "b"})
    await raw.get("/v1/sessions/sesn_none")
    entries = control.requests()

    assert [(entry["n"], entry["method"], entry["path"], entry["status"]) for entry in entries] == [
        (1, "POST", "/v1/sessions", 200),
        (2, "GET", f"/v1/sessions/{session}", 200),
        (3, "GET", "/v1/sessions/sesn_none", 404),
    ]
    assert entries[0]["body"] == {**bare, "title": "x"}
    assert entries[1]["query"] == "beta=true&a=b"
    assert entries[0]["key"] == raw.headers["x-api-key"][-4:]
    assert entries[0]["headers"]["anthropic-version"] == "2023-06-01"
    assert raw.headers["x-api-key"] not in str(entries), "no key is written down"
    assert entries[0]["request_id"].startswith("req_")
    assert [entry["n"] for entry in control.requests(since=1)] == [2, 3]
    assert len(control.requests(method="GET", path=f"/v1/sessions/{session}")) == 1
    control.clear_requests()
    await raw.get("/v1/sessions")
    assert [entry["n"] for entry in control.requests()] == [4]


async def test_after_a_reset_all_is_as_at_the_beginning_but_keys_and_log(
    raw: httpx.AsyncClient, control: Control, bare: Any
) -> None:
    before = {key["secret"] for key in control.api_keys()} | {control.add_key("sk-mine", "a third")}
    made = [(await raw.post("/v1/sessions", json=bare)).json()["id"] for _ in range(3)]
    await raw.delete(f"/v1/sessions/{made[0]}")
    await raw.post("/v1/files", files={"file": ("a.txt", b"a")})
    control.modes(page_size=7)
    control.behaviour(turn_seconds=99.0)
    control.fault("answer", status=500, times=None)
    control.revoke_key("sk-mine")
    control.reset()
    assert (control.sessions(), control.faults()) == ([], [])
    assert {file["id"] for file in control.files()} == {"file_sample", "file_other"}
    assert control.modes() == asdict(Modes())
    assert control.behaviour() == asdict(Behaviour())
    assert {key["secret"] for key in control.api_keys() if not key["revoked"]} == before
    assert (await raw.get("/v1/sessions", headers={"x-api-key": "sk-mine"})).json()["data"] == []
    assert (await raw.get(f"/v1/sessions/{made[1]}")).status_code == 404
    assert (await raw.post("/v1/sessions", json=bare)).is_success, "the samples are there again"
    assert [entry["method"] for entry in control.requests()][:3] == ["POST"] * 3


async def test_the_journal_forgets_nothing(raw: httpx.AsyncClient, control: Control, bare: Any, message: Any) -> None:
    ids = []
    for number in range(3):
        ids.append((await raw.post("/v1/sessions", json={**bare, "metadata": {"n": str(number)}})).json()["id"])
        control.advance(1)
    await raw.post(f"/v1/sessions/{ids[1]}/archive")
    await raw.delete(f"/v1/sessions/{ids[2]}")
    await raw.post(f"/v1/sessions/{ids[0]}/events", json={"events": [message, {"type": "user.interrupt"}]})
    theirs = {"agent": "agent_other", "environment_id": "env_other"}
    await raw.post("/v1/sessions", json=theirs, headers={"x-api-key": control.other_key()})
    journal = control.sessions()

    assert [entry["id"] for entry in journal][:3] == ids
    assert [entry["metadata"] for entry in journal] == [{"n": "0"}, {"n": "1"}, {"n": "2"}, {}]
    assert [event["type"] for event in journal[0]["events"]] == ["user.message", "user.interrupt"]
    assert [bool(entry["archived_at"]) for entry in journal] == [False, True, False, False]
    assert [bool(entry["deleted_at"]) for entry in journal] == [False, False, True, False]
    assert len(control.sessions(workspace=journal[3]["workspace"])) == 1
    assert [entry["id"] for entry in control.sessions(alive=True)] == [ids[0], journal[3]["id"]]
    assert [entry["name"] for entry in control.workspaces()] == ["default", "other"]


async def test_all_files_are_told_with_their_digest(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    before = {file["id"] for file in control.files()}
    mine = (await raw.post("/v1/files", files={"file": ("a.txt", b"abc", "text/plain")})).json()["id"]
    theirs = (
        await raw.post("/v1/files", files={"file": ("b.txt", b"")}, headers={"x-api-key": control.other_key()})
    ).json()["id"]
    session = await raw.post("/v1/sessions", json={**bare, "resources": [{"type": "file", "file_id": mine}]})
    told = {file["id"]: file for file in control.files() if file["id"] not in before}

    assert set(told) == {mine, theirs}
    assert told[mine]["workspace"] != told[theirs]["workspace"]
    assert {key: told[mine][key] for key in ("filename", "mime_type", "size", "scope")} == {
        "filename": "a.txt",
        "mime_type": "text/plain",
        "size": 3,
        "scope": None,
    }
    assert told[mine]["sha256"] == hashlib.sha256(b"abc").hexdigest()
    copies = [file for file in control.files(scoped=True) if file["scope"] is not None]
    assert [(copy["scope"], copy["sha256"]) for copy in copies] == [(session.json()["id"], told[mine]["sha256"])]
    await raw.delete(f"/v1/files/{mine}")
    assert mine not in {file["id"] for file in control.files()}


async def test_edits_from_outside(client: AsyncAnthropic, control: Control, bare: Any) -> None:
    session = await client.beta.sessions.create(**bare, title="mine", metadata={"a": "b"})
    control.advance(1)
    control.edit(session.id, title="theirs", metadata={"c": "d"})
    edited = await client.beta.sessions.retrieve(session.id)
    assert (edited.title, edited.metadata) == ("theirs", {"c": "d"})
    assert edited.updated_at > session.updated_at

    control.edit(session.id, resources=[{"type": "hologram", "id": "sesrsc_1"}])
    assert (await client.beta.sessions.retrieve(session.id)).resources[0].type == "hologram"
    control.edit(session.id, status="hibernating")
    assert (await client.beta.sessions.retrieve(session.id)).status == "hibernating"
    control.emit(session.id, "session.dreamed", depth=3)
    last = [event async for event in client.beta.sessions.events.list(session.id)][-1]
    assert last.type == "session.dreamed"


async def test_a_status_put_by_hand_ends_the_turn(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any
) -> None:
    session = await client.beta.sessions.create(**bare, initial_events=[message])
    control.advance(3)
    control.edit(session.id, status="idle")
    control.advance(60)

    assert (await client.beta.sessions.retrieve(session.id)).usage.active_seconds == 3


@pytest.mark.parametrize("running", [False, True])
async def test_ends_from_outside(
    client: AsyncAnthropic, control: Control, bare: Any, message: Any, running: bool
) -> None:
    wanted = {**bare, **({"initial_events": [message]} if running else {})}
    ids = [(await client.beta.sessions.create(**wanted)).id for _ in range(3)]
    control.archive(ids[0])
    control.terminate(ids[1])
    control.delete(ids[2])
    control.advance(60)

    archived = await client.beta.sessions.retrieve(ids[0])
    assert (archived.status, archived.archived_at is not None) == ("terminated", True)
    failed = await client.beta.sessions.retrieve(ids[1])
    assert (failed.status, failed.archived_at) == ("terminated", None)
    assert [found.id async for found in client.beta.sessions.list()] == [ids[1]]
    assert control.session(ids[2])["deleted_at"] is not None


WRONG = [
    (lambda control, session: control.edit(session, color="red"), "color"),
    (lambda control, session: control.finish(session, "boredom"), "boredom"),
    (lambda control, session: control.behaviour(stop_reason="boredom"), "boredom"),
    (lambda control, session: control.behaviour(patience=1), "patience"),
    (lambda control, session: control.behaviour(turn_seconds="long"), "turn_seconds"),
    (lambda control, session: control.session("sesn_none"), "sesn_none"),
    (lambda control, session: control.archive("sesn_none"), "sesn_none"),
    (lambda control, session: control.revoke_key("sk-none"), "sk-none"),
    (lambda control, session: control.advance(-1), "forward"),
    (lambda control, session: control.speed(0), "speed"),
    (lambda control, session: control.emit(session, ""), "event type"),
]


@pytest.mark.parametrize(("wrong", "named"), WRONG, ids=[row[1] for row in WRONG])
async def test_nonsense_is_refused(raw: httpx.AsyncClient, control: Control, bare: Any, wrong: Any, named: str) -> None:
    session = (await raw.post("/v1/sessions", json=bare)).json()["id"]
    with pytest.raises(ControlError, match=named):
        wrong(control, session)


async def test_an_ended_session_does_not_work(raw: httpx.AsyncClient, control: Control, bare: Any) -> None:
    session = (await raw.post("/v1/sessions", json=bare)).json()["id"]
    control.archive(session)
    with pytest.raises(ControlError, match="end"):
        control.finish(session)
    control.delete(session)
    with pytest.raises(ControlError, match="deleted"):
        control.edit(session, title="x")


async def test_the_client_over_http(simulator: Simulator, raw: httpx.AsyncClient, bare: Any, message: Any) -> None:
    session = (await raw.post("/v1/sessions", json={**bare, "initial_events": [message]})).json()["id"]

    def tour() -> None:
        with Control(simulator.base_url) as control:
            assert control.healthy()
            assert control.requests(since=0)[0]["path"] == "/v1/sessions"
            assert control.modes(page_size=7)["page_size"] == 7
            control.reset_modes()
            rule = control.fault("answer", status=500, times=None)
            assert [one["id"] for one in control.faults()] == [rule]
            control.remove_fault(rule)
            assert control.session(session)["turns"] == 1
            control.advance(10)
            assert control.session(session)["status"] == "idle"
            assert control.finish(session, "refusal")["turns"] == 2
            assert control.behaviour(turn_seconds=2.5)["turn_seconds"] == 2.5
            assert control.add_key("sk-x") in {key["secret"] for key in control.api_keys()}
            control.revoke_key("sk-x")
            assert control.edit(session, title="y")["title"] == "y"
            control.clear_requests()
            assert control.requests() == []
            with pytest.raises(ControlError, match="sesn_none"):
                control.session("sesn_none")

    await asyncio.to_thread(tour)


async def test_nobody_home() -> None:
    with Control("http://127.0.0.1:9") as control:
        assert not control.healthy()


async def test_unknown_control_paths(simulator: Simulator) -> None:
    async with httpx.AsyncClient(base_url=simulator.base_url, verify=False) as http:
        assert (await http.get("/_simulator/nothing")).status_code == 404
        assert (await http.put("/_simulator/modes", content=b"{")).status_code == 400
