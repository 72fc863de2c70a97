"""Tools and MCP servers of a live session follow spec.agent.overrides; the rest of the agent can't change."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(lodger):
    return lodger


TOOL = {"type": "custom", "name": "look", "description": "Looks.", "input_schema": {"type": "object"}}
SERVER = {"type": "url", "name": "docs", "url": "https://docs.example.com/mcp"}
TOOLSET = {"type": "mcp_toolset", "mcp_server_name": "docs"}
GO = {"initialEvents": [{"type": "user.message", "text": "Go."}]}


def agent(**overrides):
    return {"agent": {"id": "agent_sample", **({"overrides": overrides} if overrides else {})}}


def custom(scene):
    return [t["name"] for t in scene.status("tools")["agent"]["tools"] if t["type"] == "custom"]


@pytest.mark.parametrize("modes", [{}, {"touch_on_every_post": True, "extra_fields": True}])
def test_an_idle_session_takes_them_at_once(scene, modes):
    scene.control.modes(**modes)
    scene.start()
    scene.apply(scene.session("tools"))
    scene.settled("tools")
    mark = scene.mark()
    scene.apply(scene.session("tools", **agent(tools=[TOOL])))
    scene.settled("tools")
    assert custom(scene) == ["look"]
    assert [c["body"] for c in scene.mutations(since=mark)] == [{"agent": {"tools": [TOOL]}}]
    scene.stop()
    scene.start()
    scene.sweeps(2)
    assert scene.steps(since=mark) == ["update"]


def test_servers_and_their_toolset_go_together(scene):
    scene.start()
    scene.apply(scene.session("tools"))
    scene.settled("tools")
    scene.apply(scene.session("tools", **agent(tools=[TOOLSET], mcpServers=[SERVER])))
    scene.settled("tools")
    assert [s["name"] for s in scene.status("tools")["agent"]["mcp_servers"]] == ["docs"]
    scene.apply(scene.session("tools", **agent(tools=[TOOL], mcpServers=[])))
    scene.settled("tools")
    assert not scene.status("tools")["agent"].get("mcp_servers")
    assert scene.steps() == ["create", "update", "update"]


def test_a_running_session_is_left_alone_until_it_is_idle(scene):
    scene.control.behaviour(turn_seconds=4000.0)
    scene.start()
    scene.apply(scene.session("tools", **GO))
    scene.wait("tools", "Running")
    mark = scene.mark()
    scene.apply(scene.session("tools", title="Ours", **GO, **agent(tools=[TOOL])))
    assert "once the session is idle" in scene.wait("tools", "NotIdle", "Synced")
    scene.sweeps(3)
    # What needs no idle session does not wait for one.
    assert [list(c["body"]) for c in scene.mutations(since=mark)] == [["title"]]
    assert scene.condition("tools", "Ready")["status"] == "True"
    scene.control.finish(scene.status("tools")["id"])
    scene.settled("tools")
    assert custom(scene) == ["look"]
    assert [list(c["body"]) for c in scene.mutations(since=mark)] == [["title"], ["agent"]]


def test_what_the_api_refuses_is_told_with_its_field_and_tried_once(scene):
    scene.start()
    scene.apply(scene.session("tools"))
    scene.settled("tools")
    mark = scene.mark()
    scene.apply(scene.session("tools", **agent(tools=[TOOLSET])))
    said = scene.wait("tools", "UpdateRefused", "Synced")
    assert "docs" in said
    assert said.endswith("; mend spec.agent.overrides.tools")
    scene.sweeps(3)
    assert scene.steps(since=mark) == ["update"]
    assert scene.condition("tools", "Ready")["status"] == "True"


FIXED = [
    pytest.param({"model": {"id": "claude-opus-5-5"}}, id="model"),
    pytest.param({"system": "Another."}, id="system"),
    pytest.param({"skills": [{"type": "anthropic", "skill_id": "xlsx"}]}, id="skills"),
]


@pytest.mark.parametrize("overrides", FIXED)
def test_what_can_not_change_is_refused_with_the_remedy(scene, overrides):
    scene.start()
    scene.apply(scene.session("tools", **agent(tools=[TOOL])))
    scene.settled("tools")
    said = scene.refused(scene.session("tools", **agent(tools=[TOOL], **overrides)))
    assert "agent.overrides (model, system, skills) is fixed for the life of a session" in said
    assert "make another Session, or set spec.onImmutableChange: Replace" in said
    scene.sweeps(1)
    assert scene.steps() == ["create"]
