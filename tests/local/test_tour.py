"""How the tour looks: a live table on a terminal, plain lines elsewhere."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from managed_agents_local.tour import table
from managed_agents_local.tour.screen import Finding, Screen
from managed_agents_local.tour.sighting import Sighting

BORN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def resource(name="one", status=None, **meta):
    return {
        "metadata": {"name": name, "creationTimestamp": "2026-11-01T12:00:00Z"} | meta,
        "spec": {"initialEvents": [{"type": "user.message", "text": "Go."}]},
        "status": status or {},
    }


def ready(status, reason, **rest):
    condition = {"type": "Ready", "status": status, "reason": reason, "message": "", "observedGeneration": 1}
    return {"conditions": [condition]} | rest


RUNNING = ready("True", "Running", state="running", cost="$1.05", usage={"outputTokens": 12_345}, id="sesn_1")


class Shown:
    """A screen, and what was printed to it."""

    def __init__(self, **console):
        self._file = io.StringIO()
        self.console = Console(file=self._file, highlight=False, markup=False, **console)
        self.screen = Screen(self.console)

    def text(self):
        return self._file.getvalue()


@pytest.fixture
def plain():
    return Shown(force_terminal=False, width=40)


@pytest.fixture
def terminal():
    return Shown(force_terminal=True, width=80, _environ={"TERM": "xterm-256color"})


def test_a_resource_that_nobody_has_looked_at_yet():
    seen = Sighting.of({key: value for key, value in resource().items() if key != "status"})
    assert (seen.id, seen.state, seen.readiness, seen.first_events, seen.going) == ("", "", "", 1, False)
    assert not seen.condition("Ready").holds
    assert table.line(seen).split() == ["one", "new"]


def test_a_resource_at_work():
    seen = Sighting.of(resource(status=RUNNING, deletionTimestamp="2026-11-01T12:00:01Z"))
    assert (seen.id, seen.state, seen.readiness, seen.going) == ("sesn_1", "running", "True (Running)", True)
    assert table.line(seen) == "  one            running, Ready=True (Running), $1.05, 12,345 tokens"


@pytest.mark.parametrize(("seconds", "age"), [(-1, "0s"), (0, "0s"), (59, "59s"), (60, "1m00s"), (3_601, "60m01s")])
def test_the_table(seconds, age, terminal):
    stalled = ready("False", "InvalidSpec")
    stalled["conditions"].append({"type": "Stalled", "status": "True", "reason": "InvalidSpec", "message": ""})
    sightings = [Sighting.of(resource(status=RUNNING)), Sighting.of(resource("two", stalled)), Sighting.of(resource())]
    terminal.console.print(table.table(sightings, "operator: running", BORN + timedelta(seconds=seconds)))
    text = terminal.text()
    for word in ("running", "$1.05", "12,345", "False (InvalidSpec)", age, "operator: running"):
        assert word in text


def test_on_a_terminal_the_table_moves_and_the_last_one_stays(terminal):
    with terminal.screen as screen:
        for state in ("idle", "running"):
            screen.sessions([Sighting.of(resource(status=ready("True", "Some", state=state)))], "operator: up")
            screen.command(f"kubectl get session {state}")
        shown = terminal.text()
        assert shown.index("idle") < shown.index("$ ") < shown.index("running")
        assert "\x1b[1A" in shown
        assert "\x1b[?25l" in shown
    assert "\x1b[?25h" in terminal.text()


def test_elsewhere_a_line_tells_each_change_and_nothing_else(plain):
    with plain.screen as screen:
        for tokens in (1, 2):
            cheap = ready("True", "Running", state="running", usage={"outputTokens": tokens})
            screen.sessions([Sighting.of(resource(status=cheap)), Sighting.of(resource("two"))], "operator: running")
        screen.sessions([Sighting.of(resource("two"))], "operator: killed")
    assert [line.split() for line in plain.text().splitlines()] == [
        ["one", "running,", "Ready=True", "(Running),", "1", "tokens"],
        ["two", "new"],
        ["one", "gone"],
    ]


def test_a_dumb_terminal_is_none():
    dumb = Shown(force_terminal=True, width=80, _environ={"TERM": "dumb"})
    dumb.screen.sessions([Sighting.of(resource())], "operator: running")
    assert dumb.text().strip().split() == ["one", "new"]


def test_a_line_stays_a_line_for_those_who_search_in_it(plain):
    plain.screen.summary("Seen", [Finding("claim " * 20, ("evidence " * 20, "more"))])
    assert [len(line) // 100 for line in plain.text().splitlines()] == [0, 0, 1, 1, 0]


def test_a_command_can_be_copied_whole(terminal):
    terminal.screen.command("kubectl " + "x" * 200)
    assert terminal.text().count("\n") == 1
