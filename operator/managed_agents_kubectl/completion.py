"""What `kubectl_complete-managedagents` prints: candidates, one a line, and what the shell is to make of them.

Called by kubectl, by the protocol of its own completion: `candidate<TAB>description` lines, then `:4`, which asks for
no names of files. Which candidates there are is said by the commands themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import click
from click.shell_completion import ShellComplete

from managed_agents_kubectl.cli import plugin
from managed_agents_kubectl.words import harmless

FILES, NO_FILES = 0, 4
"""Of cobra's directives those that are needed."""


def main(arguments: Sequence[str]) -> int:
    """Print what can follow, for the words after the plugin's name; the last one is being written."""
    *before, incomplete = arguments or [""]
    found = ShellComplete(plugin, {}, "kubectl managedagents", "").get_completions(before, incomplete)
    directive = NO_FILES
    for item in found:
        if item.type != "plain":
            directive = FILES
            continue
        told = harmless(item.help or "").split(". ")[0]
        click.echo(f"{item.value}\t{told}" if told else str(item.value))
    click.echo(f":{directive}")
    return 0
