"""The machine on which something was measured, for the reader of a report."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def machine() -> dict[str, str | int | float]:
    """Tell processor, number of CPUs, kernel, Python and date (UTC)."""
    return {
        "machine": processor(CPUINFO.read_text() if CPUINFO.exists() else ""),
        "cpus": os.cpu_count() or 1,
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def processor(cpuinfo: str) -> str:
    """Read the processor's name from the text of /proc/cpuinfo."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name" and value.strip():
            return value.strip()
    return platform.processor() or platform.machine()
