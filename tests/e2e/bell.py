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


class Keeper:
    """Prints one line for everything it hears."""

    def see(self, event_type, body):
        print("see", event_type, body["metadata"]["name"] if "name" in body["metadata"] else "?", flush=True)

    def secret_changed(self, namespace, name):
        print("secret", namespace, name, flush=True)

    def last_event_age(self):
        return None

    async def run(self):
        print("running", flush=True)
        await asyncio.Event().wait()

    async def drain(self, seconds):
        print("draining", flush=True)
        await asyncio.sleep(min(seconds, float(os.environ.get("BELL_DRAIN_SECONDS", "0"))))
        print("drained", flush=True)


async def die():
    await asyncio.sleep(float(os.environ["BELL_DIES"]))
    raise LookupError("as it was told")


@contextlib.asynccontextmanager
async def join(settings, ports):
    print("cluster", ports.cluster_id, flush=True)
    yield app.Work(Keeper(), tasks={"mortal": die} if "BELL_DIES" in os.environ else {})


if __name__ == "__main__":
    try:
        sys.exit(app.run(load(), join))
    except WrongSettings as e:
        sys.exit(f"wrong: {e}")
