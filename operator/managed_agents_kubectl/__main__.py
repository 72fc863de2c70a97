"""The programs `kubectl-managedagents` and `kubectl_complete-managedagents`: kubectl finds them on PATH by these names.

Nothing is imported here that an installation without the extra `kubectl` lacks, so that it can be told by name.
"""

from __future__ import annotations

import sys

EXTRA = "managed-agents-operator[kubectl]"


def main() -> int:
    """The plugin; returns its exit code."""
    try:
        from managed_agents_kubectl import cli  # noqa: PLC0415 - what is missing is told, not raised
    except ModuleNotFoundError as missing:
        return _incomplete(missing)
    return cli.main()


def complete() -> int:
    """What kubectl calls to complete a line: the words after `kubectl managedagents`, the last being completed."""
    try:
        from managed_agents_kubectl import completion  # noqa: PLC0415 - the same
    except ModuleNotFoundError as missing:
        return _incomplete(missing)
    return completion.main(sys.argv[1:])


def _incomplete(missing: ModuleNotFoundError) -> int:
    print(f"error: the Python package {missing.name} is missing: pip install '{EXTRA}'", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
