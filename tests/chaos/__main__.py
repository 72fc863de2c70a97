"""`make chaos`: death at every write, then rounds of trouble, each judged when all is quiet again.

CYCLES is 200 unless it is given, SEED is drawn and told; JOBS worlds are at work at once. CYCLE runs one of them alone,
to replay it. POINTS=no leaves out the deaths at every write, POINTS="claim,create" has only those, with CYCLES=0
nothing else.
"""

from __future__ import annotations

import itertools
import os
import queue
import random
import sys
import threading
import time
from dataclasses import dataclass, field

from tests.chaos import points
from tests.chaos.cycle import Cycle
from tests.chaos.oracle import Violation
from tests.chaos.stage import Stage

from managed_agents_local.cluster import KubectlFailed
from managed_agents_local.processes import NotReady

SEED = int(os.environ.get("SEED", random.randrange(10**6)))
CYCLES = int(os.environ.get("CYCLES", "200"))
JOBS = int(os.environ.get("JOBS", "2"))
NUMBERS = [int(os.environ["CYCLE"])] if "CYCLE" in os.environ else range(CYCLES)
NAMED = "no" if "CYCLE" in os.environ else os.environ.get("POINTS", ",".join(points.POINTS))
CHOSEN = [] if NAMED == "no" else NAMED.split(",")
BEGAN = time.monotonic()
BROKEN = (Violation, AssertionError, NotReady, KubectlFailed)
"""Laws that are broken, and parts that never come up or end by themselves."""


@dataclass
class Tally:
    """What came of all of it."""

    broken: list[str] = field(default_factory=list)
    faults: int = 0
    deaths: int = 0
    rounds: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, name: str, stage: Stage, violation: BaseException | None, trace: str) -> None:
        """One more, and how far it is."""
        with self.lock:
            if violation is not None:
                self.broken.append(name)
                sys.stdout.write(f"\n{name}: {violation!r}\n{trace}\nlog: {stage.keep(name)}\n")
                sys.stdout.flush()
            minutes = (time.monotonic() - BEGAN) / 60
            sys.stderr.write(
                f"{minutes:5.1f} min  {name}: {self.deaths} deaths at writes, {self.rounds} rounds with {self.faults} "
                f"faults and deaths, {len(self.broken)} broken\n"
            )


def death(stage: Stage, tally: Tally, number: int, point: str, how: str) -> None:
    """Death at one write."""
    violation = None
    try:
        points.run(stage, point, how, number)
    except BROKEN as broken:
        violation = broken
    tally.deaths += 1
    tally.tell(f"{point}-{how}".replace(" ", "-"), stage, violation, stage.trace())


def one_round(stage: Stage, tally: Tally, number: int) -> None:
    """One round of trouble."""
    cycle, violation = Cycle(stage, SEED, number), None
    try:
        cycle.run()
    except BROKEN as broken:
        violation = broken
    tally.faults += cycle.faults
    tally.rounds += 1
    tally.tell(f"SEED={SEED}-CYCLE={number}", stage, violation, cycle.trace())


def main() -> int:
    """1 where a law was broken."""
    tally, todo = Tally(), queue.SimpleQueue()
    for number, (point, how) in enumerate(itertools.product(CHOSEN, points.DEATHS)):
        todo.put((death, number, point, how))
    for number in NUMBERS:
        todo.put((one_round, number))

    def work() -> None:
        with Stage() as stage:
            while True:
                try:
                    what, *told = todo.get_nowait()
                except queue.Empty:
                    return
                what(stage, tally, *told)

    workers = [threading.Thread(target=work, name=f"world {n}") for n in range(min(JOBS, todo.qsize()))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    left = todo.qsize()
    sys.stdout.write(
        f"{tally.deaths} deaths at writes; SEED={SEED}: {tally.rounds} rounds, {tally.faults} faults and deaths; "
        f"broken: {', '.join(tally.broken) or 'none'}{f'; never begun: {left}' if left else ''}\n"
    )
    return 1 if tally.broken or left else 0


sys.exit(main())
