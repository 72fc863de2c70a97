"""Tokens reach the session when their Secret changes; neither they nor the content of mounts show anywhere else."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(lodger):
    return lodger


FIRST, SECOND, THIRD = "ghp_canary_first_0a1b", "ghp_canary_second_2c3d", "ghp_canary_third_4e5f"
CONTENT = "content_canary_6a7b"


def content(kind):
    ref = {"configmap": "configMapKeyRef", "secret": "secretKeyRef"}[kind]
    return {"name": kind, "file": {ref: {"name": "content", "key": "text"}, "mountPath": f"/{kind}"}}


def tokens(scene):
    return list(scene.control.sessions()[-1]["tokens"].values())


def shown(scene):
    """All that the operator tells, wherever it does."""
    objects = scene.kubectl("get", "sessions", "--all-namespaces", "-o", "json", "--show-managed-fields")
    events = scene.kubectl("get", "events.v1.events.k8s.io", "--all-namespaces", "-o", "json")
    return {
        "resources": objects,
        "events": events,
        "log": scene.world.operator_log.read_text(),
        "metrics": scene.world.operator.metrics(),
    }


def nowhere(scene, *canaries):
    assert [(place, c) for place, text in shown(scene).items() for c in canaries if c in text] == []


def echo(canary):
    """How a careless server refuses: it repeats what it was given."""
    error = {"type": "invalid_request_error", "message": f"the value {canary!r} is not accepted"}
    return {"type": "error", "error": error}


@pytest.fixture
def repo(scene):
    """A settled session with a repository that was cloned with the first token."""
    scene.apply(scene.secret("gh", token=FIRST))
    scene.start()
    scene.apply(scene.session("repo", resources=[scene.repository()]))
    scene.settled("repo")
    assert tokens(scene) == [FIRST]
    return scene.mark()


def version(scene):
    return scene.kubectl("get", "secret", "gh", "-o", "jsonpath={.metadata.resourceVersion}")


def handed_over(scene):
    """The version of the Secret that status names."""
    return scene.status("repo")["resources"][0]["source"]["resourceVersion"]


def test_an_edited_secret_is_handed_over_once(scene, repo):
    scene.apply(scene.secret("gh", token=SECOND))
    scene.until("the new token", lambda: tokens(scene) == [SECOND])
    scene.settled("repo")
    assert scene.steps(since=repo) == ["rotate"]
    nowhere(scene, FIRST, SECOND)
    assert handed_over(scene) == version(scene)

    # Uid and version are compared and never a content, of which nothing is kept.
    scene.kubectl("label", "secret", "gh", "team=platform")
    scene.until("the same token once more", lambda: handed_over(scene) == version(scene))
    scene.settled("repo")
    assert scene.steps(since=repo) == ["rotate", "rotate"]
    assert tokens(scene) == [SECOND]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_secret_edited_while_no_operator_ran_is_handed_over(scene, repo, end):
    getattr(scene, end)()
    scene.apply(scene.secret("gh", token=SECOND))
    scene.start()
    scene.until("the new token", lambda: tokens(scene) == [SECOND])
    scene.settled("repo")
    assert scene.steps(since=repo) == ["rotate"]


def test_a_secret_made_anew_under_its_name_is_handed_over(scene, repo):
    scene.kubectl("delete", "secret", "gh")
    assert "Secret default/gh" in scene.wait("repo", "SecretMissing", "Synced")
    scene.apply(scene.secret("gh", token=SECOND))
    scene.until("the new token", lambda: tokens(scene) == [SECOND])
    scene.settled("repo")
    assert scene.steps(since=repo) == ["rotate"]


def test_another_secret_may_be_named(scene, repo):
    scene.apply(scene.secret("other", token=SECOND))
    scene.apply(scene.session("repo", resources=[scene.repository(secret="other")]))
    scene.settled("repo")
    assert tokens(scene) == [SECOND]
    assert scene.steps(since=repo) == ["rotate"]


def test_a_rotation_without_an_answer_is_made_good(scene, repo):
    scene.control.fault("cut", method="POST", path="/resources/sesrsc_", when="after")
    scene.apply(scene.secret("gh", token=SECOND))
    scene.until("the new token", lambda: tokens(scene) == [SECOND])
    scene.settled("repo")
    assert scene.steps(since=repo) in (["rotate"], ["rotate", "rotate"])
    nowhere(scene, SECOND)


@pytest.mark.parametrize("strings", [False, True], ids=["envelope", "text"])
def test_a_refusal_that_repeats_the_token_repeats_it_nowhere(scene, repo, strings):
    body = {"error": f"bad token {SECOND}"} if strings else echo(SECOND)
    scene.control.fault("answer", method="POST", path="/resources/sesrsc_", status=400, body=body)
    scene.apply(scene.secret("gh", token=SECOND))
    scene.wait("repo", "UpdateRefused", "Synced")
    assert scene.condition("repo", "Ready")["status"] == "True"
    scene.sweeps(2)
    assert scene.steps(since=repo) == ["rotate"]
    scene.apply(scene.secret("gh", token=THIRD))
    scene.until("the new token", lambda: tokens(scene) == [THIRD])
    scene.settled("repo")
    nowhere(scene, FIRST, SECOND, THIRD)


def test_a_refused_creation_that_repeats_the_token_repeats_it_nowhere(scene):
    scene.control.fault("answer", method="POST", path="^/v1/sessions$", status=400, body=echo(FIRST))
    scene.apply(scene.secret("gh", token=FIRST))
    scene.start()
    scene.apply(scene.session("repo", resources=[scene.repository()]))
    scene.wait("repo", "InvalidSpec")
    scene.sweeps(2)
    assert scene.steps() == ["create"]
    nowhere(scene, FIRST)


@pytest.mark.parametrize("status", [400, 500])
def test_a_failed_upload_that_repeats_the_content_repeats_it_nowhere(scene, status):
    scene.control.fault("answer", method="POST", path="^/v1/files$", status=status, body=echo(CONTENT))
    scene.apply(scene.config_map("content", {"text": CONTENT}))
    scene.start()
    scene.apply(scene.session("told", resources=[content("configmap")]))
    scene.until("the failed upload", lambda: scene.calls("POST", "/v1/files"))
    scene.sweeps(2)
    nowhere(scene, CONTENT)


def test_a_whole_life_shows_neither_tokens_nor_content(scene):
    scene.apply(scene.secret("gh", token=FIRST), scene.config_map("content", {"text": CONTENT}))
    scene.apply(scene.secret("content", text=f"secret {CONTENT}"))
    scene.start()
    mounts = [scene.repository(), content("configmap"), content("secret")]
    scene.apply(scene.session("whole", resources=mounts))
    scene.settled("whole")
    nowhere(scene, FIRST, CONTENT)
    scene.apply(scene.secret("gh", token=SECOND), scene.config_map("content", {"text": f"{CONTENT} again"}))
    scene.apply(scene.secret("content", text=f"secret {CONTENT} again"))
    scene.until("the new token", lambda: tokens(scene) == [SECOND])
    scene.until("both files changed", lambda: len([s for s in scene.steps() if s == "discard"]) == 2)
    scene.settled("whole")
    nowhere(scene, FIRST, SECOND, CONTENT)
    scene.apply(scene.session("whole", resources=mounts[:1]))
    scene.settled("whole")
    scene.delete("whole")
    nowhere(scene, FIRST, SECOND, CONTENT)
