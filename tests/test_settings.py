"""What the environment may say, and the one line that is said about what it may not."""

from __future__ import annotations

import pytest

from managed_agents_operator import settings as module
from managed_agents_operator.settings import Settings, WrongSettings, load, read_key, variable

KEY = "sk-ant-api03-not-a-real-one"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    return monkeypatch


DEFAULTS = {
    "auth_token": None,
    "base_url": "https://api.anthropic.com",
    "api_key_file": None,
    "workspace_id": None,
    "kubeconfig": None,
    "namespaces": (),
    "operator_namespace": "default",
    "identity_namespace": "kube-system",
    "leader_election": False,
    "creates_per_minute": 300,
    "requests_per_minute": 600,
    "hot_sweep_seconds": 5,
    "full_sweep_seconds": 60,
    "status_interval_seconds": 10,
    "search_grace_seconds": 30,
    "create_timeout_seconds": 60,
    "refused_retry_seconds": 600,
    "resync_seconds": 900,
    "workers": 16,
    "http_port": 8080,
    "metrics_by_agent": False,
    "log_format": "text",
    "log_level": "info",
}


def test_defaults_are_what_the_documentation_says():
    assert load().model_dump(exclude={"api_key"}) == DEFAULTS


def test_every_field_says_what_it_is_for():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


GOOD = [
    ("ANTHROPIC_API_KEY", f"  {KEY}\n", "api_key", KEY, "keys come out of files and mails with blanks around them"),
    ("ANTHROPIC_AUTH_TOKEN", "t\r\n", "auth_token", "t", "the same for tokens"),
    ("ANTHROPIC_BASE_URL", "http://127.0.0.1:8000/", "base_url", "http://127.0.0.1:8000", "plain http, no slash"),
    ("ANTHROPIC_BASE_URL", "https://proxy/anthropic//", "base_url", "https://proxy/anthropic", "a path prefix"),
    ("ANTHROPIC_BASE_URL", "http://[::1]:80", "base_url", "http://[::1]:80", "IPv6"),
    ("ANTHROPIC_BASE_URL", "", "base_url", "https://api.anthropic.com", "an empty variable is none"),
    ("MANAGED_AGENTS_NAMESPACES", "a, b,a,", "namespaces", ("a", "b"), "each once, in order"),
    ("MANAGED_AGENTS_NAMESPACES", "", "namespaces", (), "all of them"),
    ("MANAGED_AGENTS_HOT_SWEEP_SECONDS", "0.5", "hot_sweep_seconds", 0.5, "tests are in a hurry"),
    ("MANAGED_AGENTS_HTTP_PORT", "0", "http_port", 0, "any free one"),
    ("MANAGED_AGENTS_LEADER_ELECTION", "true", "leader_election", True, "also outside of a cluster"),
    ("MANAGED_AGENTS_LOG_LEVEL", "DEBUG", "log_level", "debug", "either case"),
    ("MANAGED_AGENTS_WORKSPACE_ID", "wrkspc_1", "workspace_id", "wrkspc_1", "as it is"),
    ("KUBECONFIG", "/a:/b", "kubeconfig", "/a:/b", "a list of files, as kubectl takes it"),
]


@pytest.mark.parametrize(("name", "value", "field", "expected", "reason"), GOOD)
def test_good_values(environment, name, value, field, expected, reason):
    environment.setenv(name, value)
    found = getattr(load(), field)
    assert (found.get_secret_value() if hasattr(found, "get_secret_value") else found) == expected, reason


BAD = [
    ("ANTHROPIC_API_KEY", "sk\x01secret", "copy it again", "a control character"),
    ("ANTHROPIC_API_KEY", "sk\nsecret", "copy it again", "two lines: a header would be cut in two"),
    ("ANTHROPIC_API_KEY", "sk secret", "copy it again", "two words"),
    ("ANTHROPIC_AUTH_TOKEN", "sécret", "copy it again", "no header takes that"),
    ("ANTHROPIC_BASE_URL", "https://user:secret@host", "ANTHROPIC_API_KEY", "credentials in a URL get logged"),
    ("ANTHROPIC_BASE_URL", "https://secret@host", "ANTHROPIC_API_KEY", "also half of them"),
    ("ANTHROPIC_BASE_URL", "api.anthropic.com", "https://api.anthropic.com", "no scheme"),
    ("ANTHROPIC_BASE_URL", "ftp://host", "https://api.anthropic.com", "not HTTP"),
    ("ANTHROPIC_BASE_URL", "https://", "https://api.anthropic.com", "no host"),
    ("ANTHROPIC_BASE_URL", "https://host:99999", "https://api.anthropic.com", "no port"),
    ("ANTHROPIC_BASE_URL", "https://ho st", "https://api.anthropic.com", "no host"),
    ("ANTHROPIC_BASE_URL", "https://host?beta=true", "leave out", "paths are put behind it"),
    ("MANAGED_AGENTS_NAMESPACES", "a,B", "'B'", "no namespace is called so"),
    ("MANAGED_AGENTS_OPERATOR_NAMESPACE", "a/b", "'a/b'", "the same"),
    ("MANAGED_AGENTS_HTTP_PORT", "tcp://10.0.0.1:80", "8080", "what Kubernetes sets for a Service of that name"),
    ("MANAGED_AGENTS_HTTP_PORT", "70000", "65535", "no port"),
    ("MANAGED_AGENTS_HOT_SWEEP_SECONDS", "0", "greater than 0", "without a pause"),
    ("MANAGED_AGENTS_HOT_SWEEP_SECONDS", "-1", "greater than 0", "before the last one"),
    ("MANAGED_AGENTS_FULL_SWEEP_SECONDS", "inf", "(default: 60)", "never"),
    ("MANAGED_AGENTS_FULL_SWEEP_SECONDS", "1m", "(default: 60)", "the unit is in the name"),
    ("MANAGED_AGENTS_CREATES_PER_MINUTE", "0", "(default: 300)", "suspend is there for that"),
    ("MANAGED_AGENTS_LOG_FORMAT", "xml", "'text' or 'json'", "says what there is"),
    ("MANAGED_AGENTS_LEADER_ELECTION", "perhaps", "boolean", "says what it takes"),
    ("MANAGED_AGENTS_HOT_SWEEP_SECOND", "1", "did you mean MANAGED_AGENTS_HOT_SWEEP_SECONDS?", "a slip of the pen"),
    ("MANAGED_AGENTS_API_KEY_FILE", "/nowhere/key", "No such file", "not mounted"),
]


@pytest.mark.parametrize(("name", "value", "remedy", "reason"), BAD)
def test_a_wrong_value_is_one_line_with_the_variable_and_the_remedy(environment, name, value, remedy, reason):
    environment.setenv(name, value)
    with pytest.raises(WrongSettings) as raised:
        load()
    said = str(raised.value)
    assert said.startswith(f"{name}: "), reason
    assert remedy in said, reason
    assert len(said.splitlines()) == 1, reason
    assert "secret" not in said.replace("é", "e"), reason
    assert raised.value.__cause__ is None, "a traceback would repeat the input"
    assert raised.value.__context__ is None or raised.value.__suppress_context__


def test_variables_of_a_service_called_like_us_are_not_slips(environment):
    environment.setenv("MANAGED_AGENTS_SERVICE_HOST", "10.0.0.1")
    environment.setenv("MANAGED_AGENTS_PORT", "tcp://10.0.0.1:80")
    assert load().http_port == 8080


def test_any_kind_of_key_will_do_and_so_will_none(environment, tmp_path):
    environment.setenv("ANTHROPIC_API_KEY", "  ")
    assert not load().has_key
    environment.delenv("ANTHROPIC_API_KEY")
    assert not load().has_key
    environment.setenv("ANTHROPIC_AUTH_TOKEN", "t")
    assert load().api_key is None
    environment.delenv("ANTHROPIC_AUTH_TOKEN")
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    environment.setenv("MANAGED_AGENTS_API_KEY_FILE", str(file))
    assert load().api_key_file == file
    assert read_key(file).get_secret_value() == KEY


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "is empty"), (b" \n", "is empty"), (b"a\x00b", "copy it again"), (b"\xff", "not text")]
)
def test_a_key_file_is_checked_at_the_start(environment, tmp_path, content, said):
    file = tmp_path / "key"
    file.write_bytes(content)
    environment.setenv("MANAGED_AGENTS_API_KEY_FILE", str(file))
    with pytest.raises(WrongSettings, match=f"^MANAGED_AGENTS_API_KEY_FILE: .*{said}"):
        load()


def test_keys_are_in_no_repr(environment):
    environment.setenv("ANTHROPIC_AUTH_TOKEN", "very-secret")
    assert KEY not in repr(load())
    assert "very-secret" not in f"{load()}"


def test_in_a_pod_the_service_account_says_where_and_the_lease_is_used(environment, tmp_path):
    (tmp_path / "namespace").write_text("agents\n")
    environment.setattr(module, "SERVICE_ACCOUNT", tmp_path)
    assert (load().operator_namespace, load().leader_election) == ("default", False), "a folder alone is no pod"
    environment.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert (load().operator_namespace, load().leader_election) == ("agents", True)
    environment.setenv("MANAGED_AGENTS_OPERATOR_NAMESPACE", "elsewhere")
    environment.setenv("MANAGED_AGENTS_LEADER_ELECTION", "false")
    assert (load().operator_namespace, load().leader_election) == ("elsewhere", False)


def test_settings_stay_as_they_are():
    with pytest.raises(ValueError, match="frozen"):
        load().workers = 1
