"""The command `managed-agents-operator`, also `python -m managed_agents_operator`.

Called by a person, a Deployment or a script. Says what there is to do and hands over to `app` or `api.crd`.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from managed_agents_operator import __version__
from managed_agents_operator.settings import Settings, WrongSettings, load, variable


def main(argv: Sequence[str] | None = None) -> int:
    """The whole command; returns the exit code: 0, 1 for a failure, 2 for what can't be started with."""
    arguments = _parser().parse_args(argv)
    try:
        return _crds(arguments.out) if arguments.command == "crds" else _run()
    except WrongSettings as e:
        print(f"managed-agents-operator: {e}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="managed-agents-operator", description="Sessions of the Claude Managed Agents API as Kubernetes resources."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "run",
        help="run the operator until it is told to stop",
        description="Runs the operator. All it needs to know is in the environment:",
        epilog="SIGTERM or Ctrl-C: what is under way is finished within 20 seconds, and the exit code is 0. A second "
        "one ends at once. A setting that can't be used ends with exit code 2 and one line, anything else with 1.",
        formatter_class=_Variables,
    )
    crds = commands.add_parser(
        "crds",
        help="write the CRDs and their field reference",
        description="Writes the generated files below a folder: crds/, the copies in deploy/ for kustomize and helm, "
        "and the tables of settings, metrics and conditions in deploy/README.md, where that is there.",
        epilog="Then: kubectl apply --server-side -f crds/",
    )
    crds.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="the folder (default: this one)")
    return parser


class _Variables(argparse.RawDescriptionHelpFormatter):
    """Help with the table of all variables after the description, made from the settings themselves."""

    def add_text(self, text: str | None) -> None:
        """Add a section; the description is told by its colon."""
        if text is not argparse.SUPPRESS and text is not None and text.endswith(":"):
            text = f"{text}\n\n{_variables()}"
        super().add_text(text)


def _variables() -> str:
    lines = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default_factory is not None or field.default in (None, ()) else f" [{field.default}]"
        lines.append(f"  {variable(name)}{default}\n      {' '.join((field.description or '').split())}")
    return "\n".join(lines)


def _run() -> int:
    settings = load()
    # Nothing that an import makes is garbage, and to look for it takes a tenth of the start.
    gc.disable()
    from managed_agents_operator import app, composition  # noqa: PLC0415 - --help and wrong settings need not wait

    gc.enable()
    return app.run(settings, composition.join)


def _crds(root: Path) -> int:
    from managed_agents_operator import guide  # noqa: PLC0415 - the same
    from managed_agents_operator.api import crd  # noqa: PLC0415 - the same
    from managed_agents_operator.engine import conditions, faring  # noqa: PLC0415 - the same

    written = crd.write(root, conditions.markdown(), f"## Conditions\n\n{faring.markdown()}")
    for path in (*written, *guide.write(root)):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
