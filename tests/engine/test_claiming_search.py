"""Rung `nothing_yet`: what a search proves that finds nothing."""

from __future__ import annotations

import pytest
from tests.engine.views import (
    ID,
    LINK,
    NOW,
    claim,
    found,
    memory,
    ready,
    resource,
    spec,
    view,
)
from tests.engine.wording import words

from managed_agents_operator.engine.claiming import nothing_yet
from managed_agents_operator.engine.external import Link
from managed_agents_operator.engine.looks import Absent, LookAgent, LookSearch, LookSession


@pytest.mark.parametrize(
    ("reason", "v", "expected"),
    [
        (
            "keeps no metadata: a search proves nothing",
            view(
                resource(claimed=claim()),
                link=Link(workspace="wrkspc_1"),
                search=found(keeps_metadata=False),
            ),
            "rest: CreationUnknown/Stalled",
        ),
        (
            "unless nothing at all was created since",
            view(
                resource(claimed=claim()),
                link=Link(workspace="wrkspc_1"),
                search=found(keeps_metadata=False, any_since=False),
            ),
            "claim n=1",
        ),
        (
            "another workspace answered: nothing is created there",
            view(resource(claimed=claim()), link=Link(workspace="wrkspc_2"), search=found(workspace="wrkspc_2")),
            "rest: WrongWorkspace/Stalled",
        ),
        (
            "it does not any more: a search with the key that is used now",
            view(resource(claimed=claim()), search=found(workspace="wrkspc_2")),
            "look: Search",
        ),
        (
            "no workspace named: the agent must be seen",
            view(resource(claimed=claim(workspace=None)), link=LINK, search=found(workspace=None)),
            "look: Agent agent_1",
        ),
        (
            "it is not",
            view(
                resource(claimed=claim(workspace=None)),
                search=found(workspace=None),
                seen={LookAgent("agent_1"): False},
            ),
            "rest: WrongWorkspace/Stalled",
        ),
        (
            "it is",
            view(
                resource(claimed=claim(workspace=None)),
                search=found(workspace=None),
                seen={LookAgent("agent_1"): True},
            ),
            "claim n=1",
        ),
        (
            "a listing without a workspace may be from another key, if it is older than the look at the agent",
            view(
                resource(claimed=claim(workspace=None)),
                search=found(workspace=None, began_at=NOW - 31),
                seen={LookAgent("agent_1"): True},
            ),
            "look: Search",
        ),
    ],
)
def test_what_an_empty_search_proves(reason, v, expected):
    assert words(nothing_yet(v)) == expected, reason


def test_a_wish_to_look_anew_makes_an_old_search_void():
    v = view(resource(claimed=claim()), memory_=memory(asked=("now", NOW)), search=found(began_at=NOW - 3))
    assert words(nothing_yet(v)) == "look: Search"


def test_the_id_that_was_wiped_may_be_gone_by_proof():
    """Then the search decides, as for any claim."""
    v = view(resource(claimed=claim()), memory_=memory(last_id=None), seen={LookSession(ID): Absent(None, NOW)})
    assert words(nothing_yet(v)) == "look: Search"


def _stalled(reason, **wish):
    told = {"conditions": [ready(reason, status="False")]}
    return view(resource(wish=spec(**wish), claimed=claim(), status=told), link=Link(workspace="wrkspc_1"))


@pytest.mark.parametrize(
    ("why", "v", "shown"),
    [
        ("the news is that it is searched", _stalled("Pending"), "Searching"),
        ("what was refused may have been made since", _stalled("InvalidSpec"), "Searching"),
        ("no adoption but finds the same each time", _stalled("InvalidSpec", sessionId="sesn_9"), None),
        ("nor one that differs", _stalled("ImmutableChanged", sessionId="sesn_9"), None),
        ("what can't be told stays so", _stalled("CreationUnknown"), None),
    ],
)
def test_what_stalls_is_not_taken_back_for_another_search(why, v, shown):
    verdict = nothing_yet(v)
    assert isinstance(verdict.look, LookSearch), why
    assert (verdict.report and verdict.report.ready) == shown, why
