"""What is made once of an object is made again of another one, however alike, and never of one that has gone."""

from __future__ import annotations

from managed_agents_operator.api.once import Once
from managed_agents_operator.api.session import Session


def counting():
    made = []

    def make(value):
        made.append(value)
        return len(made)

    return made, make


def test_once_for_the_same_object_and_again_for_an_equal_one():
    made, make = counting()
    once, first = Once(make), [1]
    assert (once(first), once(first), once([1])) == (1, 1, 2)
    assert made == [[1], [1]]


def test_the_last_ones_are_kept():
    made, make = counting()
    once, values = Once(make, size=2), [[1], [2], [3]]
    for value in (values[0], values[1], values[0], values[2]):
        once(value)
    assert once(values[0]) == 1, "it was asked for after the other one"
    assert once(values[1]) == 4
    assert len(made) == 4


def test_another_object_at_the_same_place_is_another_object():
    _, make = counting()
    once = Once(make, size=1000)
    assert [once([n]) for n in range(500)] == list(range(1, 501))


def body(agent):
    meta = {"name": "a", "namespace": "b", "uid": "u", "resourceVersion": "1", "generation": 1}
    meta["creationTimestamp"] = "2026-11-28T00:00:00Z"
    return {"metadata": meta, "spec": {}, "status": {"id": "sesn_1", "agent": agent}}


def test_resources_that_share_an_agent_share_what_is_read_of_it():
    agent = {"id": "agent_1", "tools": [{"type": "bash", "odd": None}]}
    first, second = (Session.parse(body(agent)).status.agent for _ in range(2))
    assert first is second
    assert first.id == "agent_1"
    assert first.model_dump(mode="json", exclude_unset=True)["tools"] == [{"type": "bash"}]
