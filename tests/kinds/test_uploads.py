"""One listing of all files for many that ask, begun after each of them asked, and what is known better than a list."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kinds.stage import CLUSTER, begun, listings, over

from managed_agents_operator.claude.answers import Answer
from managed_agents_operator.claude.models import File, Page
from managed_agents_operator.claude.quota import Budget
from managed_agents_operator.engine.errors import Consequence, Failure
from managed_agents_operator.engine.looks import LookUploads, OwnFile
from managed_agents_operator.kinds.uploads import LAG_SECONDS, Names, file_name

DIGEST = "0123456789abcdef"
EVER = LookUploads(float("-inf"))


async def upload(connection, uid: str, mount: str = "data", digest: str = DIGEST, cluster: str = CLUSTER) -> str:
    name = file_name(cluster, uid, mount, digest)
    return (await connection.client.files.upload(name, b"x", "text/plain")).value.id


async def listed(connection, uid: str = "uid-1", after: float = float("-inf")) -> tuple[OwnFile, ...] | None:
    """Order a listing and wait for it."""
    assert connection.uploads.want(uid, LookUploads(after)) is True
    await over(connection.uploads)
    return connection.uploads.known(uid)


async def test_before_a_listing_nothing_is_known(connection):
    assert connection.uploads.known("uid-1") is None
    assert connection.uploads.listed_at is None
    assert await listed(connection) == ()
    assert connection.uploads.listed_at is not None
    assert connection.told == ["uid-1"]


async def test_each_file_is_known_to_the_resource_of_its_name(connection):
    data, notes = await upload(connection, "uid-1"), await upload(connection, "uid-1", "notes-2")
    await upload(connection, "uid-2")
    await upload(connection, "uid-1", cluster="cluster-2")
    await connection.client.files.upload("report.csv", b"x", "text/csv")
    assert await listed(connection) == (OwnFile(data, "data", DIGEST), OwnFile(notes, "notes-2", DIGEST))


async def test_two_files_of_one_name_are_both_known(connection):
    ids = {await upload(connection, "uid-1") for _ in range(2)}
    assert {file.id for file in await listed(connection)} == ids
    connection.uploads.removed(min(ids))
    assert [file.id for file in connection.uploads.known("uid-1")] == [max(ids)]


async def test_the_copies_of_sessions_are_not_ours_to_delete(connection):
    mine = await upload(connection, "uid-1")
    mounted = [{"type": "file", "file_id": mine}]
    await connection.client.create_session(
        {"agent": "agent_sample", "environment_id": "env_sample", "resources": mounted}
    )

    class Everything:
        """A server that lists files of any scope."""

        def iterate(self, before_page):
            return self._iterate()

        async def _iterate(self):
            name = file_name(CLUSTER, "uid-1", "data", DIGEST)
            files = [{"id": "file_copy", "scope": {"type": "session", "id": "sesn_1"}}, {"id": "file_1", "scope": {}}]
            yield Answer(Page([File.model_validate({"filename": name, **file}) for file in files], None), None)

    assert [file.id for file in await listed(connection)] == [mine]
    connection.client.files = Everything()
    assert [file.id for file in await listed(connection, after=connection.clock.monotonic())] == ["file_1"]


async def test_a_thousand_share_one_listing(connection, control):
    ids = {f"uid-{n}": await upload(connection, f"uid-{n}") for n in range(5)}
    for n in range(1000):
        assert connection.uploads.want(f"uid-{n}", EVER) is True
    assert connection.uploads.want("uid-0", EVER) is False, "it is on its way"
    await over(connection.uploads)
    assert len(listings(control, "/v1/files")) == 1
    for uid, id in ids.items():
        assert [file.id for file in connection.uploads.known(uid)] == [id]
    assert connection.uploads.known("uid-999") == ()
    assert sorted(connection.told) == sorted(f"uid-{n}" for n in range(1000))


async def test_many_pages_go_through_the_budget(connection, control, clock):
    connection.client.budget = Budget(60_000, 60_000, clock=clock)
    for n in range(45):
        await upload(connection, f"uid-{n}")
    control.fault("answer", method="GET", path="^/v1/files$", status=400, times=2)
    assert len(await listed(connection)) == 1
    assert [connection.uploads.known(f"uid-{n}") for n in range(45)].count(()) == 0
    assert len(listings(control, "/v1/files")) == 2 + 3, "two sizes are refused, then three pages of twenty"


async def test_one_that_comes_while_a_listing_runs(connection, control):
    delay = control.fault("delay", path="^/v1/files$", method="GET")
    early = connection.clock.monotonic()
    connection.uploads.want("uid-1", EVER)
    await begun(control, "/v1/files")
    late = connection.clock.monotonic()
    assert connection.uploads.want("uid-2", LookUploads(early)) is False, "what runs is good enough"
    assert connection.uploads.want("uid-3", LookUploads(late)) is True
    assert connection.uploads.want("uid-1", LookUploads(late)) is True
    control.remove_fault(delay)
    await over(connection.uploads)
    assert len(listings(control, "/v1/files")) == 2
    assert sorted(connection.told[:2]) == ["uid-1", "uid-2"]
    assert sorted(connection.told[2:]) == ["uid-1", "uid-3"]
    assert connection.uploads.listed_at > late


async def test_what_is_there_already_is_not_listed_again(connection, control):
    await listed(connection)
    connection.told.clear()
    assert connection.uploads.want("uid-2", EVER) is False
    assert connection.told == ["uid-2"], "it may go on at once"
    assert len(listings(control, "/v1/files")) == 1


# our own word


async def test_what_we_uploaded_and_removed_is_known_at_once(connection):
    await listed(connection)
    one, other = OwnFile("file_1", "data", DIGEST), OwnFile("file_2", "data", DIGEST[::-1])
    for file in (one, other, one):
        connection.uploads.added("uid-1", file)
    assert set(connection.uploads.known("uid-1")) == {one, other}
    connection.uploads.removed("file_1")
    connection.uploads.removed("file_none")
    assert connection.uploads.known("uid-1") == (other,)


async def test_what_we_did_while_a_listing_ran_counts_for_more(connection, control):
    old = await upload(connection, "uid-1")
    delay = control.fault("delay", path="^/v1/files$", method="GET", when="after")
    connection.uploads.want("uid-1", EVER)
    await begun(control, "/v1/files")
    new = OwnFile("file_new", "data", DIGEST)
    connection.uploads.removed(old)
    connection.uploads.added("uid-1", new)
    control.remove_fault(delay)
    await over(connection.uploads)
    assert connection.uploads.known("uid-1") == (new,)


async def test_a_list_that_lags_does_not_take_our_word_back(connection, control):
    control.modes(files_list_lag_seconds=30)
    id = await upload(connection, "uid-1")
    connection.uploads.added("uid-1", OwnFile(id, "data", DIGEST))
    assert [file.id for file in await listed(connection)] == [id]
    connection.clock.now += LAG_SECONDS + 1
    assert await listed(connection, after=connection.clock.monotonic()) == (), "after a while the list is right"


async def test_after_an_unknown_outcome_only_a_new_listing_tells(connection, control):
    await listed(connection)
    lost = await upload(connection, "uid-1")
    connection.uploads.forget("uid-1")
    assert connection.uploads.known("uid-1") is None
    assert connection.uploads.known("uid-2") == (), "of others as much is known as before"
    assert [file.id for file in await listed(connection)] == [lost]
    assert len(listings(control, "/v1/files")) == 2


async def test_a_doubt_that_came_while_a_listing_ran_outlives_it(connection, control):
    delay = control.fault("delay", path="^/v1/files$", method="GET")
    connection.uploads.want("uid-1", EVER)
    await begun(control, "/v1/files")
    connection.uploads.forget("uid-1")
    control.remove_fault(delay)
    await over(connection.uploads)
    assert connection.uploads.known("uid-1") is None
    assert await listed(connection) == ()


# trouble


FAILURES = [
    ("rate_limit", {"retry_after": 5}, Consequence.LATER, "RateLimited"),
    ("answer", {"status": 500}, Consequence.UNCLEAR, "Unreachable"),
    ("garbage", {}, Consequence.UNCLEAR, "Unreachable"),
    ("answer", {"status": 401}, Consequence.BLOCKED, "KeyRefused"),
]


@pytest.mark.parametrize(("kind", "effect", "consequence", "reason"), FAILURES)
async def test_a_failure_is_told_once_and_nothing_is_concluded(connection, control, kind, effect, consequence, reason):
    for n in range(25):
        await upload(connection, "uid-1", f"data-{n}")
    # Two sizes are refused, so that there is a second page to fail.
    control.fault("answer", path="^/v1/files$", method="GET", status=400, times=2)
    control.fault(kind, path="^/v1/files$", method="GET", skip=1, times=1, **effect)
    assert await listed(connection) is None
    assert connection.told[-1] == "uid-1"
    told = connection.uploads.want("uid-1", EVER)
    assert isinstance(told, Failure)
    assert (told.consequence, told.reason) == (consequence, reason)
    assert (connection.circuit.failure is not None) == (consequence is Consequence.BLOCKED)
    connection.clock.now += 60
    assert len(await listed(connection)) == 25


async def test_a_failure_that_nobody_asked_for_is_over_with_the_next_listing(connection, control):
    control.fault("answer", path="^/v1/files$", method="GET", status=500)
    connection.uploads.want("uid-1", EVER)
    await over(connection.uploads)
    assert await listed(connection, "uid-2") == ()
    assert connection.uploads.want("uid-1", LookUploads(connection.clock.monotonic())) is True
    await over(connection.uploads)


async def test_it_can_be_ended_in_the_middle(connection, control):
    control.fault("delay", path="^/v1/files$", method="GET")
    connection.uploads.want("uid-1", EVER)
    await begun(control, "/v1/files")
    await connection.uploads.close()
    assert connection.uploads._batches._task.cancelled()


async def test_files_of_nobody_are_counted_and_left_alone(connection, control, caplog):
    caplog.set_level(logging.DEBUG, "managed_agents_operator.kinds.uploads")
    connection.roll.uids.add("uid-1")
    for uid in ("uid-1", "uid-gone", "uid-1-gone"):
        await upload(connection, uid, "my-data")
    before = control.files()
    await listed(connection)
    assert "1 uploaded files have no resource" in caplog.text, "one can't be told from a mount of uid-1"
    assert control.files() == before
    assert "uid" not in caplog.text


# names


MOUNT = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)
HEX = st.text("0123456789abcdef", min_size=16, max_size=16)


@given(files=st.lists(st.tuples(st.uuids().map(str), MOUNT, HEX), max_size=8), other=st.uuids().map(str))
def test_a_name_tells_mount_and_digest_whatever_they_look_like(files, other):
    names = Names({f"file_{n}": file_name("c", *parts) for n, parts in enumerate(files)})
    for uid in {uid for uid, _, _ in files}:
        mine = {OwnFile(f"file_{n}", mount, digest) for n, (of, mount, digest) in enumerate(files) if of == uid}
        assert set(names.below(f"k8s-c-{uid}-")) == mine
    assert names.below(f"k8s-c-{other}-") == () or other in {uid for uid, _, _ in files}


NO_NAMES = [
    "k8s-c-u-data",
    "k8s-c-u-data-0123",
    "k8s-c-u-data-0123456789ABCDEF",
    "k8s-c-u-Data-0123456789abcdef",
    "k8s-c-u--0123456789abcdef",
    "k8s-c-u-data-0123456789abcdef.csv",
    "k8s-c-u-data\n-0123456789abcdef",
    "k8s-c-u-0123456789abcdef",
]


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_that_is_not_in_our_form_is_nobodys(name):
    assert Names({"file_1": name}).below("k8s-c-u-") == ()


@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3)), max_size=30))
def test_names_that_come_and_go(steps):
    names, kept = Names({}), {}
    for comes, number, of in steps:
        id = f"file_{number}"
        if comes and id not in kept:
            kept[id] = file_name("c", f"u{of}", "data", DIGEST)
            names.add(id, kept[id])
        elif not comes:
            kept.pop(id, None)
            names.remove(id)
    for of in range(4):
        mine = {id for id, name in kept.items() if f"-u{of}-" in name}
        assert {file.id for file in names.below(f"k8s-c-u{of}-")} == mine


def test_ten_thousand_names_are_looked_up_without_reading_them_all():
    names = Names({f"file_{n}": file_name("c", f"uid-{n:05}", "data", DIGEST) for n in range(10_000)})
    assert [file.id for file in names.below("k8s-c-uid-09999-")] == ["file_9999"]
    assert names.of_nobody("k8s-c-", lambda uid: uid != "uid-00001") == 0
