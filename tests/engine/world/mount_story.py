"""A story of mounts that hypothesis writes: files come and go, contents and tokens change, others reach in.

Run by `test_model.py` where features are on; what must be true of it is the judge's.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from tests.engine.world.features import ON
from tests.engine.world.stage import NAME, Stage, troubles
from tests.engine.world.story import GO, told

PATHS = ("/data.csv", "/data.csv", "/deep/other.csv")
FILES = ["file_1", "file_2", *told(missing=["file_nowhere"])]
CONTENTS = [("ConfigMap", "cm"), ("ConfigMap", "cm"), ("Secret", "content")]
TOKENS = ("gh", "gh", "gh2")


def by_id(file, path):
    """A file that the API has already."""
    return {"name": "data", "file": {"fileId": file} | ({"mountPath": path} if path else {})}


def content(name, source, path):
    """A file whose content stands in the cluster."""
    kind, of = source
    ref = "configMapKeyRef" if kind == "ConfigMap" else "secretKeyRef"
    return {"name": name, "file": {ref: {"name": of, "key": "key"}, "mountPath": path}}


def repository(token):
    """A repository, private or not."""
    ref = {"authorizationTokenSecretRef": {"name": token, "key": "token"}} if token else {}
    return {"name": "repo", "githubRepository": {"url": "https://github.com/o/r", **ref}}


def some(*lists):
    """Of each of these one or none."""
    return st.tuples(*lists).map(lambda drawn: [one for one in drawn if one is not None])


FILE_MOUNTS = some(
    st.none() | st.builds(by_id, st.sampled_from(FILES), st.sampled_from((None, *PATHS))),
    st.builds(content, st.just("conf"), st.sampled_from(CONTENTS), st.sampled_from(("/conf", *PATHS))),
    st.none() | st.builds(content, st.just("more"), st.sampled_from(CONTENTS), st.just("/more")),
)
LASTING = some(
    st.none() | st.builds(repository, st.sampled_from((None, *TOKENS))),
    st.none() | st.just({"name": "memory", "memoryStore": {"id": "memstore_1"}}),
)
SPECS = st.fixed_dictionaries(
    {
        "agent": st.just({"id": "agent_1"}),
        "environment": st.just({"id": "env_1"}),
        "deletionPolicy": st.sampled_from(["Archive", "Archive", "Delete", "Retain"]),
        "resources": st.builds(lambda lasting, files: [*lasting, *files], LASTING, FILE_MOUNTS),
    },
    optional={"initialEvents": st.just(GO)},
)
EDITS = st.one_of(
    st.fixed_dictionaries({"suspend": st.booleans()}),
    st.fixed_dictionaries({"title": st.sampled_from(["one", "two"])}),
    *told(
        archived=[st.just({"archived": True})],
        replace=[
            st.fixed_dictionaries(
                {
                    "onImmutableChange": st.just("Replace"),
                    "agent": st.sampled_from([{"id": "agent_1"}, {"id": "agent_2"}]),
                }
            )
        ],
        lost=[st.fixed_dictionaries({"onLost": st.sampled_from([None, "Replace"])})],
        observe=[st.fixed_dictionaries({"managementPolicy": st.sampled_from([None, "Observe"])})],
    ),
)
VALUES = [b"one", b"two", b"three"]
SOURCES = st.one_of(
    st.builds(
        lambda named, value: (*named, value), st.sampled_from(CONTENTS), st.sampled_from([*VALUES, None, "gone"])
    ),
    st.tuples(st.just("Secret"), st.sampled_from(TOKENS), st.sampled_from([b"t1\n", b"t2", None, "gone"])),
)
ACTS = st.one_of(
    st.tuples(st.just("apply"), SPECS),
    st.tuples(st.just("remount"), FILE_MOUNTS),
    st.tuples(st.just("remount"), FILE_MOUNTS),
    st.tuples(st.just("source"), SOURCES),
    st.tuples(st.just("source"), SOURCES),
    st.tuples(st.just("retoken"), st.sampled_from(TOKENS)),
    st.tuples(st.just("edit"), EDITS),
    st.tuples(st.sampled_from(["delete", "delete", "replace", "wipe", "back_up", "force"]), st.none()),
    st.tuples(st.just("restore"), st.booleans()),
)
"""What people do to a resource or to what it refers to."""
LATE = told(**{"late uploads": ["upload sent"] * 3})
AHEAD = troubles(
    ACTS,
    ("upload", "mount", "unmount"),
    ("create", "rotate", "discard", "patch_object", "patch_status"),
    [(call, False) for call in ("create sent", "read_source", "LookUploads", "LookFile", *LATE)],
)


class MountStory(Stage):
    """It begins with one resource that has mounts, and with trouble ahead."""

    overlaps = "overlap" in ON

    @initialize(
        lag=st.sampled_from([0.0, 0.0, 20.0]),
        flight=st.sampled_from([0.0, 55.0]),
        server=st.tuples(st.booleans(), st.booleans(), st.booleans()),
        files=st.tuples(st.booleans(), st.booleans()),
        spec=SPECS,
        ahead=AHEAD,
    )
    def begin(self, lag, flight, server, files, spec, ahead):
        self.open(lag, flight, server)
        api, sources = self.world.api, self.world.cluster.sources
        api.mounter.copies_files, api.mounter.roots_paths = files
        api.files.absent = set(told(missing=["file_nowhere"]))
        api.late_uploads = "late uploads" in ON
        api.file_lag = lag if "file lag" in ON else 0.0
        for text in (b"first", b"second"):
            api.files.add("theirs", text)
        for kind, name in dict.fromkeys(CONTENTS):
            sources.put(kind, name, b"zero")
        sources.put("Secret", "gh", b"t0")
        self.act("a", "apply", spec)
        self.foresee(ahead)

    @rule(name=NAME, act=ACTS)
    def people(self, name, act):
        self.act(name, *act)

    @precondition(lambda self: self.world.api.living())
    @rule(data=st.data(), how=st.sampled_from(["archive", "delete", "speak", "speak"]))
    def outside(self, data, how):
        id = data.draw(st.sampled_from([s.id for s in self.world.api.living()]))
        getattr(self.world.api, f"{how}_outside")(id)

    @precondition(lambda self: "strangers" in ON and self.world.api.living())
    @rule(data=st.data())
    def strangers(self, data):
        """Somebody mounts a file of his own, or takes one out, whosoever it is."""
        session = data.draw(st.sampled_from(self.world.api.living()))
        mounted = [m.id for m in session.mounts if m.type == "file"]
        rid = data.draw(st.sampled_from([None, *mounted]))
        if rid is None:
            self.world.api.mount_outside(session.id, "/theirs.csv")
        else:
            self.world.api.unmount_outside(session.id, rid)

    @rule(ahead=AHEAD)
    def meet(self, ahead):
        """The next calls of these kinds meet trouble: a fault, the end of the process, or something that people do."""
        self.foresee(ahead)
