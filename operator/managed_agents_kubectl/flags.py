"""The flags that commands share, as kubectl has them, and the completion of what they take.

Used by `cli` for its commands. The common ones may stand before a command as well as after it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from managed_agents_kubectl.scope import OPERATOR_NAMESPACE, Scope

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
Command = TypeVar("Command", bound=Callable[..., Any])
Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def scope_of(context: click.Context) -> Scope:
    """The flags so far; one for all commands of a line."""
    root = context.find_root()
    if not isinstance(root.obj, Scope):
        root.obj = Scope()
    scope: Scope = root.obj
    return scope


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        words = importlib.import_module("managed_agents_kubectl.words")
        try:
            seconds: float = words.duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return seconds


DURATION = _Duration()


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """A flag that was given, wherever it stood."""
    scope = scope_of(context)
    if value not in (None, False) and parameter.name in {one.name for one in fields(Scope)}:
        setattr(scope, parameter.name, value)
    return value


def _looked_up(what: str) -> Complete:
    """Candidates from the cluster or the kubeconfig; none where that can't be read."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        candidates = importlib.import_module("managed_agents_kubectl.candidates")
        given: Sequence[str] = context.params.get("names") or ()
        found: list[tuple[str, str]] = candidates.find(what, scope_of(context))
        return [
            CompletionItem(name, help=told) for name, told in found if name.startswith(incomplete) and name not in given
        ]

    return complete


NAME = _looked_up("sessions")


_kept = partial(click.option, callback=_keep, expose_value=False, is_eager=True)
"""An option that goes into the scope, and is not handed to the command."""


def common(command: Command) -> Command:
    """The flags of every command."""
    flags = [
        _kept("-n", "--namespace", metavar="NAMESPACE", shell_complete=_looked_up("namespaces")),
        _kept("--context", metavar="CONTEXT", shell_complete=_looked_up("contexts")),
        _kept("--kubeconfig", metavar="FILE", type=click.Path()),
        _kept(
            "--request-timeout", metavar="DURATION", type=DURATION, help="How long a single call may take, like 10s."
        ),
        _kept(
            "--own-key",
            is_flag=True,
            help="Call with ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN) at ANTHROPIC_BASE_URL, and read no Secret.",
        ),
        _kept(
            "--operator-namespace",
            metavar="NAMESPACE",
            envvar="MANAGED_AGENTS_OPERATOR_NAMESPACE",
            help=f"Where the operator and the Secrets of ClusterConnections are [{OPERATOR_NAMESPACE}].",
        ),
    ]
    for flag in reversed(flags):
        command = flag(command)
    return command


def everywhere_flag(command: Command) -> Command:
    """-A."""
    return click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="Those of all namespaces.")(command)


def connection_flag(command: Command) -> Command:
    """--connection."""
    return click.option(
        "--connection",
        metavar="NAME",
        help="NAME, clusterconnection/NAME, or environment for the operator's own key. The usual one of the namespace"
        " otherwise.",
        shell_complete=_looked_up("connections"),
    )(command)


def types_flag(command: Command) -> Command:
    """--types."""

    def split(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
        return tuple(one.strip() for one in (value or "").split(",") if one.strip())

    return click.option(
        "--types",
        metavar="TYPES",
        callback=split,
        help="Only these types of events, or all that begin so: agent.message,session.error or user,session.",
    )(command)


def output_flag(default: str, *others: str, help_: str | None = None) -> Callable[[Command], Command]:
    """-o."""
    choice = click.Choice([default, *others])
    return click.option("-o", "--output", type=choice, default=default, show_default=True, help=help_)
