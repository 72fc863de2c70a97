"""The command `managed-agents-simulator`: serves the API until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from managed_agents_simulator.service import Simulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Gives the exit code: 0 after SIGTERM or SIGINT, 1 when it could not start."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_serve(options))
    except (OSError, sqlite3.Error) as wrong:
        print(f"managed-agents-simulator: {wrong}", file=sys.stderr)
        return 1


async def _serve(options: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    simulator = Simulator(
        host=options.host,
        port=options.port,
        prefix=options.prefix,
        database=options.db,
        speed=options.speed,
        latency=options.latency_ms / 1000,
        keys=dict(options.key),
    )
    async with simulator:
        print(f"base URL: {simulator.base_url}")
        print(f"key: {simulator.key}", flush=True)
        told = asyncio.create_task(stop.wait())
        failed = asyncio.create_task(simulator.wait())
        await asyncio.wait({told, failed}, return_when=asyncio.FIRST_COMPLETED)
        for task in (told, failed):
            task.cancel()
        await asyncio.gather(told, failed, return_exceptions=True)
    return 0 if stop.is_set() else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="managed-agents-simulator",
        description="Serve a stand-in for the Claude Managed Agents API. Prints its base URL and a key, one a line.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default)")
    parser.add_argument(
        "--prefix", default="", metavar="PATH", help="path that everything is found below (default: none)"
    )
    parser.add_argument("--db", type=Path, metavar="PATH", help="SQLite file to keep everything in (default: memory)")
    parser.add_argument("--latency-ms", type=_amount, default=0.0, help="time that each request takes on top")
    parser.add_argument("--speed", type=_rate, default=1.0, help="how many times faster turns run (default: 1)")
    parser.add_argument(
        "--key",
        type=_key,
        action="append",
        default=[],
        metavar="KEY[=WORKSPACE]",
        help="an API key to accept, and the workspace it opens; may be given more than once",
    )
    return parser


def _key(text: str) -> tuple[str, str | None]:
    secret, _, workspace = text.partition("=")
    if not secret:
        raise argparse.ArgumentTypeError("a key can't be empty")
    return secret, workspace or None


def _amount(text: str) -> float:
    value = float(text)
    if value < 0:
        raise argparse.ArgumentTypeError("can't be negative")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be above zero")
    return value


if __name__ == "__main__":
    sys.exit(main())
