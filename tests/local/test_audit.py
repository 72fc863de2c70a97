"""The log of writes is read on from where it was, and a line that is still being written counts once it is whole."""

from __future__ import annotations

import json

from managed_agents_local.audit import AuditLog


def line(name, user="admin", resource="sessions", verb="patch"):
    event = {
        "user": {"username": user},
        "verb": verb,
        "objectRef": {"resource": resource, "name": name, "namespace": "default"},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-11-28T00:00:00.000000Z",
    }
    return json.dumps(event) + "\n"


def names(writes):
    return [write.name for write in writes]


def test_each_line_once_and_a_mark_stays_where_it_was(tmp_path):
    path = tmp_path / "audit.log"
    log = AuditLog(path)
    assert len(log) == 0, "there is no file yet"
    path.write_text(line("a") + line("b"))
    mark = len(log)
    assert mark == 2
    with path.open("a") as file:
        file.write(line("c") + line("d")[:40])
    assert names(log.writes(since=mark)) == ["c"]
    with path.open("a") as file:
        file.write(line("d")[40:] + line("e", user="operator"))
    assert names(log.writes()) == ["a", "b", "c", "d", "e"]
    assert names(log.writes(user="operator")) == ["e"]
    assert names(AuditLog(path).writes(since=mark)) == ["c", "d", "e"]


def test_reads_are_no_writes_and_are_asked_for_by_account(tmp_path):
    path = tmp_path / "audit.log"
    path.write_text(line("a", user="operator", verb="get") + line("b", user="operator") + line("c", verb="get"))
    log = AuditLog(path)
    assert (len(log), names(log.writes())) == (1, ["b"])
    assert names(log.requests("operator")) == ["a", "b"]
    assert names(log.requests("operator", since="2026-11-28T00:00:01.000000Z")) == []
