"""What the drills measure and inject with, tried without servers."""

from __future__ import annotations

import subprocess
import sys
import time

from loadtest.chaos.churn import Sample, slope
from loadtest.chaos.wrong import FOLDER

READ = """
import time
from datetime import UTC, date, datetime
now = datetime.now(UTC)
assert isinstance(now, datetime) and isinstance(datetime(2026, 1, 1), datetime)
print(time.time(), time.time_ns() / 1e9, now.timestamp(), datetime.now().timestamp())
"""


def sample(at: float, memory: float) -> Sample:
    return Sample(at, memory, connections=0, tasks=0, files=0)


def test_memory_that_goes_up_and_down_has_no_slope() -> None:
    assert slope([sample(n, 100 + n % 2) for n in range(5)]) == 0


def test_memory_that_grows_has_its_growth_for_a_slope() -> None:
    assert slope([sample(n, 100 + 3 * n) for n in range(10)]) == 3


def test_one_moment_has_no_slope() -> None:
    assert slope([sample(1, 100)]) == 0


def test_a_process_with_a_wrong_clock_reads_it_wrong_everywhere() -> None:
    environment = {"PYTHONPATH": str(FOLDER), "WRONG_CLOCK": "-300"}

    done = subprocess.run(
        [sys.executable, "-c", READ], env=environment, capture_output=True, text=True, check=True
    )

    right = time.time()
    assert all(-10 < float(read) - right + 300 < 1 for read in done.stdout.split())
