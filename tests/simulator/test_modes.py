"""Every switch: what it changes, and that it is off by default (the other tests see to that)."""

from dataclasses import fields
from typing import Any

import httpx
import pytest

from managed_agents_simulator.control import Control, ControlError
from managed_agents_simulator.modes import Modes

FILE = {"type": "file", "file_id": "file_sample", "mount_path": "/data.csv"}
INTERRUPT = {"events": [{"type": "user.interrupt"}]}


class Api:
    """The few calls that these tests are made of."""

    def __init__(self, http: httpx.AsyncClient, bare: dict[str, Any], message: dict[str, Any]) -> None:
        self.http = http
        self.bare = bare
        self.message = message

    async def create(self, **more: Any) -> Any:
        return (await self.http.post("/v1/sessions", json={**self.bare, **more})).json()

    async def run(self) -> str:
        return str((await self.create(initial_events=[self.message]))["id"])

    async def get(self, session: str) -> Any:
        return (await self.http.get(f"/v1/sessions/{session}")).json()

    async def post(self, session: str, below: str = "", body: Any = None) -> httpx.Response:
        return await self.http.post(f"/v1/sessions/{session}{below}", json={} if body is None else body)

    async def types(self, session: str) -> list[str]:
        answer = await self.http.get(f"/v1/sessions/{session}/events")
        return [event["type"] for event in answer.json()["data"]]


@pytest.fixture
def api(raw: httpx.AsyncClient, bare: Any, message: Any) -> Api:
    return Api(raw, bare, message)


async def test_archived_keeps_status(api: Api, control: Control) -> None:
    control.modes(archived_keeps_status=True)
    session = (await api.create())["id"]
    archived = (await api.post(session, "/archive")).json()

    assert archived["status"] == "idle"
    assert archived["archived_at"] is not None
    assert await api.types(session) == []


async def test_archived_refusal(api: Api, control: Control) -> None:
    session = (await api.create())["id"]
    await api.post(session, "/archive")
    answers = []
    for status in (409, 400):
        control.modes(archived_refusal=status)
        answers.append((await api.post(session, "/events", {"events": [api.message]})).status_code)

    assert answers == [409, 400]


async def test_rearchive_refused(api: Api, control: Control) -> None:
    control.modes(rearchive_refused=True)
    session = (await api.create())["id"]

    assert [(await api.post(session, "/archive")).status_code for _ in range(2)] == [200, 409]


async def test_archive_while_running(api: Api, control: Control) -> None:
    control.modes(archive_while_running=True)
    session = await api.run()
    archived = await api.post(session, "/archive")

    assert archived.status_code == 200
    assert archived.json()["status"] == "running"
    assert archived.json()["archived_at"] is not None


async def test_delete_while_running(api: Api, control: Control) -> None:
    control.modes(delete_while_running=True)
    session = await api.run()

    assert (await api.http.delete(f"/v1/sessions/{session}")).status_code == 200
    control.advance(60)
    assert control.session(session)["deleted_at"] is not None


async def test_terminated_accepts_events(api: Api, control: Control) -> None:
    control.modes(terminated_accepts_events=True)
    session = await api.run()
    control.terminate(session)

    assert (await api.post(session, "", {"title": "x"})).status_code == 200
    assert (await api.post(session, "/events", INTERRUPT)).status_code == 200
    assert (await api.get(session))["status"] == "idle"
    await api.post(session, "/events", {"events": [api.message]})
    assert (await api.get(session))["status"] == "running"


async def test_drop_metadata(api: Api, control: Control) -> None:
    control.modes(drop_metadata=True)

    assert (await api.create(metadata={"a": "b"}))["metadata"] == {}


@pytest.mark.parametrize(
    ("word", "status", "left"), [("keep", 200, {"a": "b"}), ("wipe", 200, {}), ("fail", 500, None)]
)
async def test_null_metadata(api: Api, control: Control, word: str, status: int, left: Any) -> None:
    control.modes(null_metadata=word)
    session = (await api.create(metadata={"a": "b"}))["id"]
    answer = await api.post(session, "", {"metadata": None})

    assert answer.status_code == status
    assert (await api.get(session))["metadata"] == (left if left is not None else {"a": "b"})


async def test_empty_metadata_deletes(api: Api, control: Control) -> None:
    control.modes(empty_metadata_deletes=True)
    session = (await api.create(metadata={"a": "b"}))["id"]

    assert (await api.post(session, "", {"metadata": {"a": ""}})).json()["metadata"] == {}


async def test_update_while_running_refused(api: Api, control: Control) -> None:
    control.modes(update_while_running_refused=True)
    session = await api.run()

    assert (await api.post(session, "", {"title": "x"})).status_code == 400
    assert (await api.post(session, "", {"metadata": {"a": "b"}})).status_code == 400
    control.advance(10)
    assert (await api.post(session, "", {"title": "x"})).status_code == 200


async def test_agent_update_while_running(api: Api, control: Control) -> None:
    control.modes(agent_update_while_running=True)
    session = await api.run()

    assert (await api.post(session, "", {"agent": {"tools": []}})).status_code == 200


async def test_touch_on_every_post(api: Api, control: Control) -> None:
    control.modes(touch_on_every_post=True)
    before = await api.create()
    control.advance(1)

    assert (await api.post(before["id"])).json()["updated_at"] > before["updated_at"]


async def test_null_updated_at(api: Api, control: Control) -> None:
    control.modes(null_updated_at=True)

    assert (await api.create())["updated_at"] is None


async def test_empty_title(api: Api, control: Control) -> None:
    control.modes(empty_title=True)
    session = (await api.create(title="x"))["id"]

    assert (await api.post(session, "", {"title": None})).json()["title"] == ""


async def test_root_mount_paths(api: Api, control: Control) -> None:
    control.modes(root_mount_paths=False)

    assert (await api.create(resources=[FILE]))["resources"][0]["mount_path"] == "/data.csv"


async def test_new_file_ids(api: Api, control: Control) -> None:
    control.modes(new_file_ids=False)
    session = await api.create(resources=[FILE])

    assert session["resources"][0]["file_id"] == "file_sample"
    await api.http.delete(f"/v1/sessions/{session['id']}")
    assert (await api.http.get("/v1/files/file_sample")).status_code == 200


async def test_repository_token_required(api: Api, control: Control) -> None:
    repository = {"type": "github_repository", "url": "https://github.com/o/r"}
    assert "id" in await api.create(resources=[repository])
    control.modes(repository_token_required=True)

    assert "authorization_token" in (await api.create(resources=[repository]))["error"]["message"]


async def test_statuses_and_bodies_of_answers(api: Api, control: Control) -> None:
    control.modes(create_status=201, send_status=202, send_body=False)
    created = await api.http.post("/v1/sessions", json=api.bare)
    sent = await api.post(created.json()["id"], "/events", {"events": [api.message]})

    assert created.status_code == 201
    assert (sent.status_code, sent.content) == (202, b"")
    assert (await api.get(created.json()["id"]))["status"] == "running"


async def test_string_errors(api: Api, control: Control) -> None:
    control.modes(string_errors=True)
    answer = await api.http.get("/v1/sessions/sesn_none")

    assert answer.status_code == 404
    assert answer.json() == {"error": "Session sesn_none not found."}


async def test_workspace_header(api: Api, control: Control) -> None:
    control.modes(workspace_header=False)

    assert "anthropic-workspace-id" not in (await api.http.get("/v1/sessions")).headers


async def test_session_prefix(api: Api, control: Control) -> None:
    control.modes(session_prefix="sess-")
    session = (await api.create())["id"]

    assert session.startswith("sess-")
    assert (await api.get(session))["id"] == session


async def test_extra_fields(api: Api, control: Control) -> None:
    control.modes(extra_fields=True)

    assert "checkpoint" in await api.create()


async def test_status_words(api: Api, control: Control) -> None:
    control.modes(status_words={"idle": "dormant"})
    session = await api.create()

    assert session["status"] == "dormant"
    listed = (await api.http.get("/v1/sessions", params={"statuses[]": "idle"})).json()["data"]
    assert [found["id"] for found in listed] == [session["id"]]


async def test_accept_unknown_fields(api: Api, control: Control) -> None:
    control.modes(accept_unknown_fields=True)

    assert "id" in await api.create(color="red")


async def test_accept_api_key(api: Api, control: Control) -> None:
    control.modes(accept_api_key=False)
    assert (await api.http.get("/v1/sessions")).status_code == 401
    control.modes(accept_api_key=True, accept_bearer=False)
    assert (await api.http.get("/v1/sessions")).status_code == 200
    bearer = {"authorization": f"Bearer {api.http.headers['x-api-key']}", "x-api-key": ""}
    assert (await api.http.get("/v1/sessions", headers=bearer)).status_code == 401


async def test_require_beta_query(api: Api, control: Control) -> None:
    control.modes(require_beta_query=True)

    assert (await api.http.get("/v1/sessions", params={"beta": "true"})).status_code == 200
    assert (await api.http.get("/v1/sessions", params={"beta": "false"})).status_code == 400


async def test_page_sizes(api: Api, control: Control) -> None:
    control.modes(page_size=2, page_maximum=3)
    for _ in range(4):
        await api.create()

    assert len((await api.http.get("/v1/sessions")).json()["data"]) == 2
    assert (await api.http.get("/v1/sessions", params={"limit": "3"})).status_code == 200
    assert (await api.http.get("/v1/sessions", params={"limit": "4"})).status_code == 400


async def test_cursor_ignores_order(api: Api, control: Control) -> None:
    control.modes(cursor_ignores_order=True)
    for _ in range(3):
        await api.create()
    page = (await api.http.get("/v1/sessions", params={"limit": "1"})).json()["next_page"]

    assert (await api.http.get("/v1/sessions", params={"page": page, "order": "asc"})).status_code == 200


async def test_list_lag_seconds(api: Api, control: Control) -> None:
    control.modes(list_lag_seconds=5)
    session = (await api.create())["id"]

    assert (await api.http.get("/v1/sessions")).json()["data"] == []
    assert (await api.get(session))["id"] == session, "GET does not lag"
    control.advance(5)
    assert len((await api.http.get("/v1/sessions")).json()["data"]) == 1


async def test_files_list_lag_seconds(api: Api, control: Control) -> None:
    control.modes(files_list_lag_seconds=10)
    file = (await api.http.post("/v1/files", files={"file": ("a.txt", b"a")})).json()["id"]

    async def listed() -> bool:
        return file in [one["id"] for one in (await api.http.get("/v1/files")).json()["data"]]

    assert not await listed()
    assert (await api.http.get(f"/v1/files/{file}")).status_code == 200, "only lists lag"
    control.advance(10)
    assert await listed()


async def test_mounts_while_running_refused(api: Api, control: Control) -> None:
    repository = {"type": "github_repository", "url": "https://github.com/acme/shop"}
    session = await api.create(initial_events=[api.message], resources=[{**FILE, "mount_path": "/a"}, repository])
    file, repository = (f"/v1/sessions/{session['id']}/resources/{mounted['id']}" for mounted in session["resources"])

    async def tried() -> list[int]:
        added = await api.post(session["id"], "/resources", FILE)
        renewed = await api.http.post(repository, json={"authorization_token": "ghp_2"})
        removed = await api.http.delete(file)
        return [added.status_code, renewed.status_code, removed.status_code]

    control.modes(mounts_while_running_refused=True)
    assert await tried() == [400, 400, 400]
    control.finish(session["id"])
    assert await tried() == [200, 200, 200]


async def test_empty_resource_answers(api: Api, control: Control) -> None:
    repository = {"type": "github_repository", "url": "https://github.com/acme/shop"}
    session = await api.create(resources=[{**FILE, "mount_path": "/a"}, repository])
    file, repository = (f"/v1/sessions/{session['id']}/resources/{mounted['id']}" for mounted in session["resources"])
    control.modes(empty_resource_answers=True)
    answers = [
        await api.post(session["id"], "/resources", FILE),
        await api.http.post(repository, json={"authorization_token": "ghp_2"}),
        await api.http.delete(file),
    ]

    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b"")] * 3
    assert [mounted["type"] for mounted in control.session(session["id"])["resources"]] == ["github_repository", "file"]
    assert list(control.session(session["id"])["tokens"].values()) == ["ghp_2"]


async def test_stuck_after_interrupt(api: Api, control: Control) -> None:
    control.modes(stuck_after_interrupt=True)
    session = await api.run()
    assert (await api.post(session, "/events", INTERRUPT)).status_code == 200
    control.advance(3600)

    assert (await api.get(session))["status"] == "running"
    assert (await api.post(session, "/archive")).status_code == 400
    control.finish(session)
    assert (await api.post(session, "/archive")).status_code == 200


async def test_interrupt_keeps_queue(api: Api, control: Control) -> None:
    control.modes(interrupt_keeps_queue=True)
    session = await api.run()
    control.advance(2)
    await api.post(session, "/events", {"events": [api.message]})
    await api.post(session, "/events", INTERRUPT)
    control.advance(1)

    assert (await api.get(session))["status"] == "running"
    assert control.session(session)["turns"] == 2


async def test_waiting_keeps_running(api: Api, control: Control) -> None:
    control.modes(waiting_keeps_running=True)
    control.behaviour(stop_reason="requires_action")
    session = await api.run()
    control.advance(3600)
    assert (await api.get(session))["status"] == "running"
    assert "session.status_idle" not in await api.types(session)

    await api.post(session, "/events", INTERRUPT)
    assert (await api.get(session))["status"] == "idle"


async def test_idle_lag_seconds(api: Api, control: Control) -> None:
    control.modes(idle_lag_seconds=2)
    session = await api.run()
    control.advance(7)
    assert "session.status_idle" in await api.types(session)
    assert (await api.get(session))["status"] == "running"
    assert (await api.post(session, "/archive")).status_code == 400

    control.advance(1)
    assert (await api.get(session))["status"] == "idle"
    assert (await api.post(session, "/archive")).status_code == 200


async def test_client_events_once(api: Api, control: Control, client: Any) -> None:
    control.modes(client_events_once=True)
    session = (await api.create())["id"]
    async with await client.beta.sessions.events.stream(session) as stream:
        await api.post(session, "/events", {"events": [api.message]})
        control.advance(10)
        control.delete(session)
        seen = [event.type async for event in stream]

    assert seen.count("user.message") == 1


async def test_usage_event(api: Api, control: Control) -> None:
    control.modes(usage_event=False)
    session = await api.run()
    control.advance(10)

    types = await api.types(session)
    assert "session.usage" not in types
    assert types[-1] == "session.status_idle"


async def test_modes_are_listed_set_and_reset(control: Control) -> None:
    assert set(control.modes()) == {field.name for field in fields(Modes)}
    assert control.modes(page_size=5)["page_size"] == 5
    control.reset_modes()
    assert control.modes()["page_size"] == 20


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"no_such": True}, "no_such"),
        ({"page_size": "many"}, "page_size"),
        ({"page_size": True}, "page_size"),
        ({"archived_refusal": 418}, "400 or 409"),
        ({"null_metadata": "burn"}, "'keep' or 'wipe' or 'fail'"),
        ({"status_words": {"idle": 5}}, "status_words"),
    ],
)
def test_wrong_modes_are_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Modes().changed(change)


async def test_the_control_api_says_what_is_wrong(control: Control) -> None:
    with pytest.raises(ControlError, match="no_such"):
        control.modes(no_such=True)
