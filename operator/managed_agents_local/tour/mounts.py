"""The acts of the tour in which the mounts of living sessions change: a file more, a new token, another content.

Called by `demo.py` after `acts.py`, and in the order that stands there. That a session stays the same one, and that
mounts nobody touched stay the same ones, is seen by their ids.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from managed_agents_local.tour.screen import Finding
from managed_agents_local.tour.sighting import Sighting
from managed_agents_local.tour.stage import Stage
from managed_agents_local.tour.witness import require

ADDED = "more-numbers"
LINE = f"  - {{name: {ADDED}, file: {{fileId: file_sample, mountPath: /more.csv}}}}"
"""What is written below the sample, whose last part is the list of mounts."""
RENEWED = "a-new-github-token"
CONTENT = "- Answer in one sentence.\n"
PATCH = {"data": {"guidelines.md": CONTENT}}


def added(stage: Stage) -> Iterator[Finding]:
    """Apply the sample with one file more; it is mounted into the session that is there."""
    before = stage.witness.the_one("mounts")
    known = _ids(before)
    stage.prompt.run(f'{{ cat {stage.sample("02-mounts.yaml")}; echo "{LINE}"; }} | kubectl apply -f -')
    mount = stage.witness.until(f"{ADDED} is mounted into mounts", lambda seen: seen["mounts"].mounts.get(ADDED))
    after = stage.witness.the_one("mounts")
    now = _ids(after)
    require(now.items() >= known.items(), f"the mounts that were there stay: {known} became {now}")
    require(
        now.keys() - known.keys() == {mount["mountPath"]} and now[mount["mountPath"]] == mount["id"],
        f"the API has one mount more, and status names it: {mount} is not what {now} has more than {known}",
    )
    calls = len(stage.witness.asked(f"/v1/sessions/{after['id']}/resources"))
    require(calls == 1, f"one call mounts the file: there were {calls}")
    yield Finding(
        "A file added to the manifest was mounted into the same session",
        (
            f"journal: {after['id']} has {mount['id']} at {mount['mountPath']}, the other mounts kept their ids",
            f"mounts: status.resources[{ADDED}] is {mount['id']}; request log: 1 POST to the resources of its session",
        ),
    )


def rotated(stage: Stage) -> Iterator[Finding]:
    """Write a new token into its Secret; the session is handed it."""
    before = stage.witness.the_one("mounts")
    [(mount, old)] = before["tokens"].items()
    require(old != RENEWED, f"the token of {mount} is another one before its Secret is changed")
    stage.prompt.run(f"kubectl patch secret github -p '{json.dumps({'stringData': {'token': RENEWED}})}'")
    version = stage.version("secret", "github")
    stage.witness.until("mounts tells of the new Secret", lambda seen: _version(seen["mounts"], "reports") == version)
    after = stage.witness.the_one("mounts")
    require(after["tokens"] == {mount: RENEWED}, f"{mount} has the token of the Secret github at the API, and no other")
    require(_ids(after) == _ids(before), f"all mounts stay where they are: {_ids(before)} became {_ids(after)}")
    calls = len(stage.witness.asked(f"/v1/sessions/{after['id']}/resources/{mount}"))
    require(calls == 1, f"one call renews the token: there were {calls}")
    stage.witness.unseen(RENEWED, "the new token")
    yield Finding(
        "A token changed in its Secret was handed to the session that uses it",
        (
            f"journal: {mount} of {after['id']} has the new token, its id is the same; request log: 1 update of it",
            f"mounts: status.resources[reports].source has the Secret's resourceVersion {version}",
            "no Session and no log of the operator holds the token",
        ),
    )


def changed(stage: Stage) -> Iterator[Finding]:
    """Change a ConfigMap; the file made of it is uploaded and mounted anew, and the old upload goes."""
    before = stage.witness.the_one("files")
    [old] = stage.witness.uploads("guidelines")
    stage.prompt.run(f"kubectl patch configmap guidelines -p '{json.dumps(PATCH)}'")
    version = stage.version("configmap", "guidelines")
    source = stage.witness.until(
        "files tells of the new ConfigMap", lambda seen: _source(seen["files"], "guidelines", version)
    )
    stage.witness.until(
        f"the old upload {old['id']} goes",
        lambda _: old["id"] not in {each["id"] for each in stage.witness.uploads("guidelines")},
    )
    after = stage.witness.the_one("files")
    [new] = stage.witness.uploads("guidelines")
    digest = hashlib.sha256(CONTENT.encode()).hexdigest()
    require(new["sha256"] == digest, f"{new['id']} holds what stands in the ConfigMap: it holds {new['sha256']}")
    require(source["fileId"] == new["id"], f"status names the upload {new['id']}: it names {source['fileId']}")
    require(
        _mounted(stage, after, "guidelines") == digest, "the copy in the session holds what stands in the ConfigMap"
    )
    kept, moved = _compared(before, after)
    require((kept, moved) == (1, 1), f"the file is mounted anew, the other stays: {_ids(before)} became {_ids(after)}")
    yield Finding(
        "A ConfigMap that changed was uploaded and mounted anew, and the old upload was removed",
        (
            f"journal: {new['id']} and its copy in {after['id']} have the sha256 of the new content",
            f"journal: {old['id']} is gone; the other file of the session kept its id",
            f"files: status.resources[guidelines].source is {new['id']} of the ConfigMap's resourceVersion {version}",
        ),
    )


def _ids(session: Mapping[str, Any]) -> dict[str, str]:
    """The id of each mount by its path; memory stores have none."""
    return {each["mount_path"]: each["id"] for each in session["resources"] if "id" in each}


def _compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[int, int]:
    """How many mounts are the same ones, and how many lie where another one lay."""
    old, new = _ids(before), _ids(after)
    kept = sum(1 for path, id in new.items() if old.get(path) == id)
    return kept, sum(1 for path in new if path in old) - kept


def _mounted(stage: Stage, session: Mapping[str, Any], name: str) -> str:
    """The sha256 of what a session has below this name."""
    [copy] = [each["file_id"] for each in session["resources"] if name in each["mount_path"]]
    return next(str(each["sha256"]) for each in stage.world.control.files(scoped=True) if each["id"] == copy)


def _version(seen: Sighting, mount: str) -> str:
    return str(seen.mounts.get(mount, {}).get("source", {}).get("resourceVersion", ""))


def _source(seen: Sighting, mount: str, version: str) -> Mapping[str, Any] | None:
    source: Mapping[str, Any] | None = seen.mounts.get(mount, {}).get("source")
    return source if _version(seen, mount) == version else None
