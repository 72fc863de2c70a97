"""`make explore`: every interleaving within bounds, breadth first, with the shortest way to what goes wrong.

CRASHES, LOST, REFUSED, EDITS, DELETIONS, WIPES, REPLACES, BACKUPS, RESTORES, FREEZES, PROCESSES and OUTSIDE say how
often each may happen at the most, TOGETHER how many of all these in one way; a scenario has its own bounds where
nothing is said, and nothing happens in it that is none of its subject. MINUTES is what all of it may take, 120 unless
it is given, fairly shared out among the scenarios, of which JOBS are explored at a time; ONLY="kick-off,deletion" names
those that are explored.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

from tests.engine.explore.explorer import Explorer, Report
from tests.engine.explore.scenarios import SCENARIOS, Scenario
from tests.engine.explore.telling import told

NAMED = {
    "CRASHES": "crash", "LOST": "lost", "REFUSED": "refused", "EDITS": "edit", "DELETIONS": "delete", "WIPES": "wipe",
    "REPLACES": "replace", "BACKUPS": "backup", "RESTORES": "restore", "FREEZES": "freeze", "PROCESSES": "second",
    "OUTSIDE": "outside",
}  # fmt: skip
BOUNDS = {kind: int(os.environ[name]) for name, kind in NAMED.items() if name in os.environ}
TOGETHER = int(os.environ["TOGETHER"]) if "TOGETHER" in os.environ else None
MINUTES = float(os.environ.get("MINUTES", "120"))
JOBS = int(os.environ.get("JOBS") or os.cpu_count() or 1)
ONLY = [name.strip() for name in os.environ.get("ONLY", "").split(",") if name.strip()]
CHOSEN = sorted(
    (one.within(BOUNDS, TOGETHER) for one in SCENARIOS if not ONLY or one.name in ONLY),
    key=lambda one: sum(one.bounds.values()),
)
"""The small ones first, for they leave something over."""
EVERY = 20.0
"""Seconds between two lines of progress."""


class Progress:
    """Tells how far it is, now and then."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def __call__(self, report: Report) -> None:
        """One more step was made."""
        if time.monotonic() - self._at >= EVERY:
            self._at = time.monotonic()
            sys.stderr.write(f"  {report.progress}\n")


def explored(scenario: Scenario, seconds: float) -> Report:
    """What came of it, within that time."""
    logging.disable(logging.CRITICAL)
    return Explorer(scenario, seconds=seconds, tell=Progress()).run()


def show(report: Report) -> None:
    """How it went, and the way to what is wrong."""
    scenario = report.scenario
    bounds = " ".join(f"{kind}={most}" for kind, most in scenario.bounds.items())
    sys.stdout.write(
        f"{report}\n  {bounds} together={scenario.together} lag={scenario.lag:.0f} flight={scenario.flight:.0f}\n"
    )
    if report.violation:
        sys.stdout.write("\n".join(told(scenario, report.violation)) + "\n")
    sys.stdout.flush()


def main() -> int:
    """1 where a law was broken, 2 where nothing is called so."""
    logging.disable(logging.CRITICAL)
    if not CHOSEN:
        sys.stderr.write(f"ONLY={','.join(ONLY)}: there are {', '.join(one.name for one in SCENARIOS)}\n")
        return 2
    end, reports, left = time.monotonic() + MINUTES * 60, [], list(CHOSEN)
    under_way: set[Future[Report]] = set()
    with ProcessPoolExecutor(JOBS) as pool:
        while left or under_way:
            while left and len(under_way) < JOBS:
                # What one leaves over is for those that come after it.
                rounds = max(1.0, len(left) / JOBS)
                fair = (end - time.monotonic()) / rounds
                under_way.add(pool.submit(explored, left.pop(0), max(fair, 1.0)))
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for one in done:
                reports.append(one.result())
                show(reports[-1])
    broken = [report.scenario.name for report in reports if report.violation]
    whole = sum(report.complete for report in reports)
    sys.stdout.write(
        f"{sum(r.states for r in reports)} states, {sum(r.transitions for r in reports)} transitions, "
        f"{sum(r.ends for r in reports)} ends; {whole} of {len(reports)} scenarios as a whole; "
        f"broken: {', '.join(broken) or 'none'}\n"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
