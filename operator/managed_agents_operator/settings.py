"""What a person can set, once, in the environment.

Built by `__main__` before anything else and handed down by `app`; nobody else reads the environment. What a wrong value
costs is said here too: one line that names the variable and what to do, and never a key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "MANAGED_AGENTS_"
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class WrongSettings(Exception):
    """The environment can't be used. The text is one line that names the variable and the remedy, without secrets."""


def in_cluster() -> bool:
    """Whether this process runs in a pod with a service account."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and (SERVICE_ACCOUNT / "namespace").is_file()


def _wrong(remedy: str) -> PydanticCustomError:
    # Braces would be taken for places to fill in.
    return PydanticCustomError("settings", remedy.replace("{", "").replace("}", ""))


def _namespace(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value):
        raise _wrong(f"{value!r} is no name of a namespace: use lower-case letters, digits and dashes")
    return value


def _namespaces(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(dict.fromkeys(_namespace(name.strip()) for name in value.split(",") if name.strip()))


def _secret(value: object) -> object:
    if not isinstance(value, str):
        return value
    key = value.strip()
    if not key.isprintable() or not key.isascii() or " " in key:
        raise _wrong("a key has no blanks, control or non-ASCII characters inside: copy it again")
    return key or None


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _base_url(value: str) -> str:
    url = value.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        raise _wrong("no URL: use something like https://api.anthropic.com") from None
    if parts.username is not None or parts.password is not None:
        raise _wrong("a URL here carries no credentials: put the key into ANTHROPIC_API_KEY")
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", url):
        raise _wrong("no URL: use something like https://api.anthropic.com")
    if parts.query or parts.fragment:
        raise _wrong("a URL here ends with its path: leave out everything from ? or # on")
    return url


def _own_namespace() -> str:
    return (SERVICE_ACCOUNT / "namespace").read_text().strip() if in_cluster() else "default"


Seconds = Annotated[float, Field(gt=0, le=7 * 86400, allow_inf_nan=False)]
PerMinute = Annotated[int, Field(gt=0, le=1_000_000)]
Key = Annotated[SecretStr | None, BeforeValidator(_secret)]


class Settings(BaseSettings):
    """Everything that can be set. Variables are named MANAGED_AGENTS_<FIELD>, but for those that say their name."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        use_attribute_docstrings=True,
        populate_by_name=True,
        extra="ignore",
    )

    api_key: Key = Field(default=None, validation_alias="ANTHROPIC_API_KEY")
    """The API key, sent as x-api-key, for Sessions whose namespace has no connection of its own. Without any key here,
    there are only Connections and ClusterConnections."""
    auth_token: Key = Field(default=None, validation_alias="ANTHROPIC_AUTH_TOKEN")
    """A token sent as Bearer."""
    base_url: Annotated[str, AfterValidator(_base_url)] = Field(
        default="https://api.anthropic.com", validation_alias="ANTHROPIC_BASE_URL"
    )
    """Where the API is; a path prefix and plain http are fine, credentials are not."""
    api_key_file: Path | None = None
    """A file with the API key, read again at every change; used instead of ANTHROPIC_API_KEY when both are set."""
    workspace_id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,128}$")] | None = None
    """The workspace the key belongs to, when answers are to be checked against it from the start."""

    kubeconfig: str | None = Field(default=None, validation_alias="KUBECONFIG")
    """How the cluster is reached from outside of it, as kubectl reads it; in a pod the service account."""
    namespaces: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_namespaces)] = ()
    """The namespaces to serve, separated by commas; empty for all of them."""
    operator_namespace: Annotated[str, AfterValidator(_namespace)] = Field(default_factory=_own_namespace)
    """Where the Lease and the Secrets of ClusterConnections are: the pod's own namespace in a cluster, else default."""
    identity_namespace: Annotated[str, AfterValidator(_namespace)] = "kube-system"
    """The namespace whose uid names the cluster in the marker that each session carries: another one where the operator
    may not read kube-system. With another uid, sessions that are there belong to another cluster."""
    leader_election: bool = Field(default_factory=in_cluster)
    """Whether several processes agree on one that works: true in a cluster, else false."""

    creates_per_minute: PerMinute = 300
    """How many sessions may be created in a minute, evenly spread."""
    requests_per_minute: PerMinute = 600
    """How many other calls to the API may be made in a minute; sweeps use at most half of them."""
    hot_sweep_seconds: Seconds = 5
    """How often the sessions at work are looked at; less often where so many are that it would use up what
    sweeps may."""
    full_sweep_seconds: Seconds = 60
    """How often all sessions that are not archived are looked at: by pages of a hundred, or singly where the
    workspace is crowded with others' sessions."""
    status_interval_seconds: Seconds = 10
    """How far apart two writes of mere usage and cost to one object are at least; changes of state never wait."""
    search_grace_seconds: Seconds = 30
    """How long a creation whose answer was lost is searched for before it counts as not made."""
    create_timeout_seconds: Seconds = 60
    """How long a call that creates or sends may take to answer."""
    refused_retry_seconds: Seconds = 600
    """When a creation or update that was refused is tried again although nobody changed the spec."""
    resync_seconds: Seconds = 900
    """How often all objects are listed anew and compared with what is known."""
    workers: Annotated[int, Field(gt=0, le=1000)] = 16
    """How many objects are worked on at the same time."""

    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Where /healthz, /readyz and /metrics answer; 0 takes a free port and logs which."""
    metrics_by_agent: bool = False
    """Whether /metrics tells cost and tokens by agent, too: of a hundred agents, and of all others as one."""
    log_format: Literal["text", "json"] = "text"
    """How log lines look."""
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    """The least serious log lines that are shown."""

    @property
    def has_key(self) -> bool:
        """Whether there is a key for Sessions without a connection of their own."""
        return any(key is not None for key in (self.api_key, self.auth_token, self.api_key_file))

    @model_validator(mode="after")
    def _readable_key(self) -> Self:
        if self.api_key_file is not None:
            try:
                read_key(self.api_key_file)
            except WrongSettings as e:
                raise _wrong(str(e)) from None
        return self


def read_key(path: Path) -> SecretStr:
    """The key that the file of MANAGED_AGENTS_API_KEY_FILE holds now. Raises `WrongSettings`."""
    try:
        key = _secret(path.read_text())
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "not text"
        raise WrongSettings(
            f"{PREFIX}API_KEY_FILE: {path} can't be read ({reason}): name a file that holds the key"
        ) from None
    except PydanticCustomError as e:
        raise WrongSettings(f"{PREFIX}API_KEY_FILE: {path}: {e.message()}") from None
    if not isinstance(key, str):
        raise WrongSettings(f"{PREFIX}API_KEY_FILE: {path} is empty: write the key into it")
    return SecretStr(key)


def variable(name: str) -> str:
    """The variable that a field is set by."""
    return str(Settings.model_fields[name].validation_alias or f"{PREFIX}{name.upper()}")


def load() -> Settings:
    """The settings of this process's environment. Raises `WrongSettings`."""
    _refuse_misspelt(os.environ)
    try:
        return Settings()
    except ValidationError as e:
        # From here on, and not from pydantic, so that no traceback repeats the input.
        raise WrongSettings(_line(e)) from None


def _refuse_misspelt(environ: Mapping[str, str]) -> None:
    known = [variable(name) for name in Settings.model_fields]
    for found in sorted(environ):
        # Only near misses: Kubernetes itself sets variables of this prefix for a Service called managed-agents.
        near = get_close_matches(found, known, n=1, cutoff=0.93) if found.startswith(PREFIX) else []
        if near and found not in known:
            raise WrongSettings(f"{found}: there is no such setting: did you mean {near[0]}?")


def _line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    message = " ".join(first["msg"].split())
    if not first["loc"]:
        return message
    # Where the variable has a name of its own, pydantic says that one.
    name = str(first["loc"][0])
    field = Settings.model_fields.get(name)
    told = f"{variable(name) if field else name}: {message}"
    if first["type"] == "settings" or field is None or field.default_factory is not None:
        return told
    return f"{told} (default: {field.default})"
