"""The act of the tour in which two namespaces each have a key and a workspace of their own.

Called by `demo.py`. Which key a call carried is read from the request log of the simulated API.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from managed_agents_local.tour.screen import Finding
from managed_agents_local.tour.sighting import Sighting
from managed_agents_local.tour.stage import Stage
from managed_agents_local.tour.witness import require

SAMPLE = "connections/team.yaml"
KEYS = {"team-a": "sk-ant-demo-of-team-aaaa", "team-b": "sk-ant-demo-of-team-bbbb"}
WORKSPACES = {"team-a": "default", "team-b": "other"}


def two(stage: Stage) -> Iterator[Finding]:
    """Apply the sample twice, for two teams; each session is made with its team's key, in its team's workspace."""
    control = stage.world.control
    for team, key in KEYS.items():
        control.add_key(key, WORKSPACES[team])
        stage.prompt.run(f"{_edit(stage, team)} | kubectl apply -f -")
    made = {team: stage.witness.until(f"weekly of {team} turns Ready", lambda _: _ready(stage, team)) for team in KEYS}  # noqa: B023 (called at once)
    stage.prompt.run("kubectl get connections --all-namespaces")
    entries = {team: control.session(made[team].id) for team in KEYS}
    names = {each["identifier"]: each["name"] for each in control.workspaces()}
    seen = {team: names[entry["workspace"]] for team, entry in entries.items()}
    require(seen == WORKSPACES, f"each session is in its team's workspace: they are in {seen}")
    used = {team: _used(stage, entry) for team, entry in entries.items()}
    wanted = {team: {key[-4:]} for team, key in KEYS.items()}
    require(used == wanted, f"each was made with its team's key alone: they were made with {used}")
    for team, key in KEYS.items():
        stage.witness.unseen(key, f"the key of {team}")
    yield Finding(
        "Two namespaces made sessions with keys of their own, in workspaces of their own",
        tuple(
            f"{team}: {entries[team]['id']} is in workspace {seen[team]}, made with ...{KEYS[team][-4:]}"
            for team in KEYS
        ),
    )


def _edit(stage: Stage, team: str) -> str:
    """The sample for one team, with the address of the simulated API and ids of the team's workspace."""
    address = f"s|https://api.anthropic.com|{stage.world.simulator.url}|"
    ids = "" if WORKSPACES[team] == "default" else f" -e s/_sample/_{WORKSPACES[team]}/"
    return f"sed -e s/team-a/{team}/ -e '{address}' -e s/put-the-key-here/{KEYS[team]}/{ids} {stage.sample(SAMPLE)}"


def _ready(stage: Stage, team: str) -> Sighting | None:
    found = [Sighting.of(each) for each in stage.world.sessions(team)]
    return next((each for each in found if each.name == "weekly" and each.condition("Ready").holds), None)


def _used(stage: Stage, entry: Mapping[str, Any]) -> set[str]:
    """The last characters of the keys by which a session was made."""
    calls = stage.world.control.requests(method="POST", path="/v1/sessions")
    marker = entry["metadata"]["k8s_uid"]
    return {str(c["key"]) for c in calls if ((c["body"] or {}).get("metadata") or {}).get("k8s_uid") == marker}
