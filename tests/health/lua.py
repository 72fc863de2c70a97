"""Lua scripts run as Argo CD runs those of argocd-cm: Lua 5.1, and no library but what it opens for them.

Its interpreter has base, package and table functions, and of `os` the clock alone; `string` and `math` are not there,
not even as methods of a string. A number is a float, and an absent or null field is nil.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lupa.lua51 import LuaRuntime, lua_type

ROOT = Path(__file__).parents[2] / "deploy" / "argocd"
CUSTOMIZATIONS = ROOT / "resource_customizations" / "managedagents.dev"
STATES = {"Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"}
"""What Argo CD takes for a health; anything else it shows as Unknown."""

CLOSED = """
    local clock = { date = os.date, time = os.time, clock = os.clock }
    getmetatable("").__index = nil
    for _, name in ipairs({ "string", "math", "io", "debug", "coroutine", "os" }) do
      _G[name] = nil
      package.loaded[name] = nil
    end
    package.preload.os = function() return clock end
"""


def run(script: Path, obj: dict[str, Any]) -> Any:
    """What a script gives back for an object, as plain values. Raises LuaError as the script does."""
    lua = LuaRuntime(unpack_returned_tuples=True, register_eval=False, register_builtins=False)
    lua.execute(CLOSED)
    lua.globals().obj = _into(lua, obj)
    return _out(lua.execute(script.read_text()))


def health(kind: str, obj: dict[str, Any]) -> tuple[str, str]:
    """State and message of the health of a resource of ours."""
    answer = run(CUSTOMIZATIONS / kind / "health.lua", obj)
    assert isinstance(answer, dict), f"a table is expected, not {answer!r}"
    assert set(answer) <= {"status", "message"}
    assert answer["status"] in STATES
    return answer["status"], answer.get("message", "")


def _into(lua: LuaRuntime, value: Any) -> Any:
    if isinstance(value, dict):
        return lua.table_from({key: _into(lua, one) for key, one in value.items() if one is not None})
    if isinstance(value, list):
        return lua.table_from([_into(lua, one) for one in value])
    return float(value) if type(value) is int else value


def _out(value: Any) -> Any:
    if lua_type(value) != "table":
        return value
    items = {key: _out(one) for key, one in value.items()}
    return list(items.values()) if items and set(items) == set(range(1, len(items) + 1)) else items
