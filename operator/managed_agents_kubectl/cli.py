"""The words of `kubectl managedagents`: its commands, their flags, and what becomes of an error.

Called by `__main__` and by `completion`. What a command does is in a module of its own, which is imported when it is
run, so that help and completion of words come at once.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import click

from managed_agents_kubectl.flags import (
    CONTEXT,
    DURATION,
    NAME,
    common,
    connection_flag,
    everywhere_flag,
    output_flag,
    types_flag,
)
from managed_agents_kubectl.scope import FAILED, Failed, Scope

STDIN = "-"


def main() -> int:
    """The command with the arguments of this process; its exit code."""
    try:
        return int(plugin.main(prog_name="kubectl managedagents", standalone_mode=False) or 0)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except Failed as error:
        return _failed(str(error))
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # Whoever read has gone, which is no failure of ours; nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _failed(message: str) -> int:
    printable = "".join(one if one.isprintable() else " " for one in message)
    click.echo(f"error: {printable}", err=True)
    return FAILED


def _carry_out(module: str, function: str, scope: Scope, *args: Any, **flags: Any) -> int:
    """Run a command of another module; its exit code."""
    found = importlib.import_module(f"managed_agents_kubectl.{module}")
    work: Callable[..., Coroutine[Any, Any, int]] = getattr(found, function)
    return asyncio.run(work(scope, *args, **flags))


@click.group(
    context_settings=CONTEXT,
    epilog="Exit codes: 0 well, 1 what was asked for failed, 2 wrong usage, 3 (status) a Session is stalled or failed.",
)
@common
@click.version_option(package_name="managed-agents-operator")
def plugin() -> None:
    """Look after Sessions of the Claude Managed Agents API: what is wrong with them, what they do, what to tell them.

    Works with your own kubeconfig and rights. Where the API is needed, the key is that of the Session's connection,
    read from its Secret with your rights, or ANTHROPIC_API_KEY with --own-key.
    """


@plugin.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=NAME)
@everywhere_flag
@output_flag("table", "json", "yaml", "name")
@common
@click.pass_obj
def status(scope: Scope, names: tuple[str, ...], everywhere: bool, output: str) -> int:
    """What is wrong with Sessions, and what to do.

    One NAME tells all about it: verdict and remedy, conditions, mounts, cost, Events. None or several give a table,
    the troubled first. Asks the cluster alone, no key is needed.

    Verdicts: Well, Working, Waiting (for an answer, a budget, a Secret), Suspended, Unseen (the operator did not look),
    Failed (gave up or declined), Stalled (nothing more happens until somebody acts).

    Exit code 3 where one of them is Stalled or Failed.
    """
    if names and everywhere:
        raise click.UsageError("-A and names exclude each other")
    return _carry_out("status", "run", scope, names, everywhere=everywhere, output=output)


@plugin.command()
@click.argument("name", shell_complete=NAME)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until the session is over.")
@click.option("-p", "--previous", is_flag=True, help="Of the session that was replaced by the one of now.")
@click.option("--since", type=DURATION, metavar="DURATION", help="Only what is younger: 30s, 5m, 1h30m.")
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help="Only the last N events.")
@types_flag
@click.option("--full", is_flag=True, help="Shorten no input and no result of a tool.")
@output_flag("text", "json", help_="json: each event as it came, one per line.")
@common
@click.pass_obj
def logs(scope: Scope, /, name: str, **flags: Any) -> int:
    """The events of a session: time (of this machine), who, what.

    Spans, threads and other events for machines are left out unless --types names them or -o json shows all.
    """
    return _carry_out("logs", "run", scope, name.rpartition("/")[2], **flags)


@plugin.command()
@click.argument("name", shell_complete=NAME)
@click.argument("text")
@output_flag("text", "json", "yaml", "name")
@common
@click.pass_obj
def send(scope: Scope, name: str, text: str, output: str) -> int:
    """Send TEXT to a session as a message of the user (- reads it from stdin).

    It is sent once, and costs what the work costs that it starts. Where the answer is lost, it is said so.
    """
    if text == STDIN:
        text = sys.stdin.read().rstrip("\n")
    return _carry_out("sending", "message", scope, name.rpartition("/")[2], text=text, output=output)


def _answering(name: str, *, allow: bool) -> None:
    """`approve` and `deny` differ in one word, and in one flag."""
    verb = "Allow" if allow else "Refuse"

    @plugin.command(name, help=f"{verb} a session the use of a tool that it waits for.\n\nSeveral are listed instead.")
    @click.argument("name", shell_complete=NAME)
    @click.option("--id", "ids", multiple=True, metavar="ID", help="The use of a tool, when several wait; repeatable.")
    @click.option("--all", "every", is_flag=True, help="All that wait.")
    @output_flag("text", "json", "yaml", "name")
    @common
    @click.pass_obj
    def command(scope: Scope, /, name: str, **flags: Any) -> int:
        if flags["ids"] and flags["every"]:
            raise click.UsageError("--id and --all exclude each other")
        why = flags.pop("message", None)
        return _carry_out("sending", "answer", scope, name.rpartition("/")[2], allow=allow, why=why, **flags)

    if not allow:
        click.option("--message", metavar="WHY", help="Why, for the agent to read.")(command)


_answering("approve", allow=True)
_answering("deny", allow=False)


@plugin.command()
@click.argument("name", shell_complete=NAME)
@output_flag("text", "json", "yaml", "name")
@common
@click.pass_obj
def interrupt(scope: Scope, name: str, output: str) -> int:
    """Stop what a session is doing; it stays, idle, for other messages. Answers that it waits for lapse."""
    return _carry_out("sending", "interrupt", scope, name.rpartition("/")[2], output=output)


@plugin.command()
@click.option("--adopt", "act", flag_value="adopt", help="Make a Session for each, which adopts it.")
@click.option("--archive", "act", flag_value="archive", help="Archive each that is idle.")
@click.option("--interrupt", "interrupt", is_flag=True, help="With --archive: end what a running one does first.")
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@click.option("--dry-run", is_flag=True, help="Change nothing: --adopt prints the manifests.")
@everywhere_flag
@connection_flag
@output_flag("table", "json", "yaml", "name")
@common
@click.pass_obj
def orphans(scope: Scope, /, **flags: Any) -> int:
    """Living sessions that carry the marker of a resource of this cluster which is gone.

    They come from resources that were deleted with deletionPolicy Retain or force-delete, and from lost backups. Those
    of other clusters are not listed. Lists those of the namespace with its connection, or with -A those of all.
    """
    if flags["act"] is None and (flags["interrupt"] or flags["yes"] or flags["dry_run"]):
        raise click.UsageError("--yes, --dry-run and --interrupt need --adopt or --archive")
    return _carry_out("orphans", "run", scope, **flags)


@plugin.command()
@click.argument("id")
@click.option("--name", metavar="NAME", help="Name of the Session; by its title otherwise.")
@connection_flag
@output_flag("yaml", "json")
@common
@click.pass_obj
def export(scope: Scope, /, id: str, **flags: Any) -> int:
    """An existing session of the API as the manifest of a Session that adopts it: export ID | kubectl apply -f -

    The manifest says all that a spec can say of it, so that the operator has nothing to change; what can't be said
    is told in comments.
    """
    return _carry_out("export", "run", scope, id, **flags)
