"""The operator with a keeper that only prints, for tests of its life: `python bell.py`, set by the environment as ever.

BELL_DRAIN_SECONDS is how long a drain takes, BELL_DIES makes a task of its die after so many seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from managed_agents_operator import app
from managed_agents_operator.settings import WrongSettings, load


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class Keeper:
    """Prints one line for everything it hears."""

    def see(self, event_type, body):
        say("see", event_type, body["metadata"].get("name"))

    def source_changed(self, kind, namespace, name):
        say("source", kind, namespace, name)

    def sources_listed(self):
        say("sources listed")

    def last_event_age(self):
        return None

    async def run(self):
        say("running")
        await asyncio.Event().wait()

    async def drain(self, seconds):
        say("draining")
        await asyncio.sleep(min(seconds, float(os.environ.get("BELL_DRAIN_SECONDS", "0"))))
        say("drained")


async def die():
    await asyncio.sleep(float(os.environ["BELL_DIES"]))
    raise LookupError("as it was told")


@contextlib.asynccontextmanager
async def join(settings, ports):
    say("cluster", ports.cluster_id)
    yield app.Work(Keeper(), tasks={"mortal": die} if "BELL_DIES" in os.environ else {})


if __name__ == "__main__":
    try:
        sys.exit(app.run(load(), join))
    except WrongSettings as e:
        sys.exit(f"wrong: {e}")
