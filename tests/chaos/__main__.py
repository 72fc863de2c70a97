"""`make chaos`: death at every write, then rounds of trouble, each judged when all is quiet again.

CYCLES is 200 unless it is given, SEED is drawn and told. CYCLE runs one of them alone, to replay it. POINTS=no leaves
out the deaths at every write, POINTS="claim,create" has only those, with CYCLES=0 nothing else.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import time

from tests.chaos import points
from tests.chaos.cycle import Cycle
from tests.chaos.oracle import Violation
from tests.chaos.stage import Stage

SEED = int(os.environ.get("SEED", random.randrange(10**6)))
CYCLES = int(os.environ.get("CYCLES", "200"))
NUMBERS = [int(os.environ["CYCLE"])] if "CYCLE" in os.environ else range(CYCLES)
NAMED = "no" if "CYCLE" in os.environ else os.environ.get("POINTS", ",".join(points.POINTS))
CHOSEN = [] if NAMED == "no" else NAMED.split(",")
BEGAN = time.monotonic()


def tell(text: str) -> None:
    """How far it is."""
    sys.stderr.write(f"{(time.monotonic() - BEGAN) / 60:5.1f} min  {text}\n")


def deaths(stage: Stage) -> list[str]:
    """Death at every write; those that broke a law."""
    broken = []
    for number, (point, death) in enumerate(itertools.product(CHOSEN, points.DEATHS)):
        try:
            points.run(stage, point, death, number)
        except Violation as violation:
            broken.append(f"{point}: {death}")
            log = stage.keep(f"{point}-{death}".replace(" ", "-"))
            sys.stdout.write(f"\n{point}: {death}: {violation}\n{stage.trace()}\nlog: {log}\n")
        tell(f"{point}: {death}: {len(broken)} broken")
    return broken


def rounds(stage: Stage) -> tuple[list[int], int]:
    """The rounds that broke a law, and how many faults and deaths there were in all."""
    broken, faults = [], 0
    for number in NUMBERS:
        cycle = Cycle(stage, SEED, number)
        try:
            cycle.run()
        except Violation as violation:
            broken.append(number)
            log = stage.keep(f"{SEED}-{number}")
            sys.stdout.write(f"\nSEED={SEED} CYCLE={number}: {violation}\n{cycle.trace()}\nlog: {log}\n")
        faults += cycle.faults
        tell(f"SEED={SEED} {number}: {faults} faults and deaths, {len(broken)} broken")
    return broken, faults


def main() -> int:
    """1 where a law was broken."""
    with Stage() as stage:
        dead = deaths(stage)
        broken, faults = rounds(stage)
    sys.stdout.write(
        f"{len(CHOSEN) * len(points.DEATHS)} deaths at writes, broken: {', '.join(dead) or 'none'}\n"
        f"SEED={SEED}: {len(NUMBERS)} cycles, {faults} faults and deaths, broken: {broken or 'none'}\n"
    )
    return 1 if broken or dead else 0


sys.exit(main())
