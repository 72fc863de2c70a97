"""The parts of an agent's definition: their request shapes, and how each is resolved to what responses show.

Used for agents themselves, for overrides at a session's creation and for updates of a live session. Responses always
carry the defaults that a request left out.
"""

from __future__ import annotations

from typing import Any

from managed_agents_simulator.wire.errors import ApiError, invalid
from managed_agents_simulator.wire.shapes import (
    Check,
    Place,
    anything,
    choice,
    flag,
    identifier,
    many,
    optional,
    record,
    tagged,
    text,
)

TOOL_NAMES = ("bash", "edit", "read", "write", "glob", "grep", "web_fetch", "web_search")
EFFORTS = ("low", "medium", "high", "xhigh", "max")

_POLICY = tagged({name: record({"type": anything}) for name in ("always_allow", "always_ask", "auto")})
_DEFAULTS = record({"enabled": optional(flag), "permission_policy": optional(_POLICY)})
_WEB_FIELDS = ("allowed_domains", "blocked_domains", "max_content_tokens", "url_sources", "user_location")
_TOOL_CONFIG = record(
    {
        "name": choice(*TOOL_NAMES),
        "type": choice(*TOOL_NAMES),
        "enabled": optional(flag),
        "permission_policy": optional(_POLICY),
        **dict.fromkeys(_WEB_FIELDS, anything),
    },
    "name",
)
_MCP_CONFIG = record({"name": text(1, 128), "enabled": optional(flag), "permission_policy": optional(_POLICY)}, "name")
_INPUT_SCHEMA = record({"type": choice("object")}, "type", open_ended=True)

TOOLS = many(
    tagged(
        {
            "agent_toolset_20260401": record(
                {"type": anything, "default_config": optional(_DEFAULTS), "configs": many(_TOOL_CONFIG)}
            ),
            "mcp_toolset": record(
                {
                    "type": anything,
                    "mcp_server_name": text(1, 255),
                    "default_config": optional(_DEFAULTS),
                    "configs": many(_MCP_CONFIG),
                },
                "mcp_server_name",
            ),
            "custom": record(
                {
                    "type": anything,
                    "name": text(1, 128, pattern=r"[A-Za-z0-9_-]+"),
                    "description": text(1),
                    "input_schema": _INPUT_SCHEMA,
                },
                "name",
                "description",
                "input_schema",
            ),
        }
    ),
    maximum=256,
)
MCP_SERVERS = many(
    record(
        {"type": choice("url"), "name": text(1, 255), "url": text(1, pattern=r"https?://.+")}, "type", "name", "url"
    ),
    maximum=20,
)
SKILLS = many(
    tagged(
        {
            "anthropic": record({"type": anything, "skill_id": text(1), "version": optional(text(1))}, "skill_id"),
            "custom": record(
                {"type": anything, "skill_id": identifier("skill_"), "version": optional(text(1))}, "skill_id"
            ),
        }
    ),
    maximum=20,
)
_MODEL_OBJECT = record(
    {
        "id": text(1, 256),
        "effort": optional(anything),
        "inference_geo": optional(text(1)),
        "speed": optional(choice("standard", "fast")),
    },
    "id",
)


def model(value: Any, place: Place) -> dict[str, Any]:
    """A model id or a model object, resolved."""
    given = {"id": text(1, 256)(value, place)} if isinstance(value, str) else _MODEL_OBJECT(value, place)
    if not given["id"].startswith("claude-"):
        raise place.refuse(f"Model {given['id']!r} is not available")
    effort = given.get("effort") or "high"
    level = effort.get("type") if isinstance(effort, dict) else effort
    if level not in EFFORTS:
        raise place.at("effort").refuse(f"Input should be one of {', '.join(EFFORTS)}")
    return {
        "id": given["id"],
        "effort": {"type": level},
        "inference_geo": given.get("inference_geo"),
        "speed": given.get("speed") or "standard",
    }


MODEL: Check = model


def resolve_tools(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tools with every default filled in."""
    return [_resolve_tool(tool) for tool in tools]


def resolve_skills(skills: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The skills with their versions; one that isn't pinned is the latest."""
    return [{"type": s["type"], "skill_id": s["skill_id"], "version": s.get("version") or "1"} for s in skills]


def demand_consistency(definition: dict[str, Any], *, every_server_used: bool) -> None:
    """Check what holds between tools, MCP servers and skills. Raises 400.

    `every_server_used` is the rule for agents: a server that no toolset refers to is refused.
    """
    names = [server["name"] for server in definition["mcp_servers"]]
    if len(set(names)) != len(names):
        raise invalid("mcp_servers: names must be unique")
    referred = {tool["mcp_server_name"] for tool in definition["tools"] if tool["type"] == "mcp_toolset"}
    for name in sorted(referred - set(names)):
        raise invalid(f"tools: mcp_toolset refers to the MCP server {name!r}, which is not in mcp_servers")
    if every_server_used:
        for name in sorted(set(names) - referred):
            raise invalid(f"mcp_servers: {name!r} is not referenced by any mcp_toolset in tools")
    if definition["skills"] and not definition["tools"]:
        raise _skills_without_tools()


def _skills_without_tools() -> ApiError:
    return invalid("skills: skills need tools; clear skills too, or keep a toolset")


def _resolve_tool(tool: dict[str, Any]) -> dict[str, Any]:
    if tool["type"] == "custom":
        return tool
    policy = "always_allow" if tool["type"] == "agent_toolset_20260401" else "always_ask"
    defaults = _resolve_defaults(tool.get("default_config") or {}, {"enabled": True, "permission_policy": policy})
    resolved = {"type": tool["type"], "default_config": defaults, "configs": []}
    if tool["type"] == "mcp_toolset":
        resolved["mcp_server_name"] = tool["mcp_server_name"]
    for config in tool.get("configs") or []:
        filled = {**config, **_resolve_defaults(config, defaults)}
        if tool["type"] == "agent_toolset_20260401":
            filled["type"] = config["name"]
        resolved["configs"].append(filled)
    return resolved


def _resolve_defaults(given: dict[str, Any], fallback: dict[str, Any]) -> dict[str, Any]:
    policy = given.get("permission_policy") or fallback["permission_policy"]
    enabled = given.get("enabled")
    return {
        "enabled": fallback["enabled"] if enabled is None else enabled,
        "permission_policy": {"type": policy} if isinstance(policy, str) else policy,
    }
