"""Runs Autobahn|Testsuite against an echo session, where a Python 2.7 is found to run it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import uvloop

from tests.integration.fake_gate import FakeGate, running

# 1 framing, 2 pings and pongs, 3 reserved bits, 4 opcodes, 5 fragmentation, 6 UTF-8,
# 7 close handling, 10 auto-fragmentation. 9 measures, 12 and 13 want compression.
SECTIONS = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
GOOD = ("OK", "INFORMATIONAL")
PACKAGE = "autobahntestsuite==25.10.1"
LIMIT_SECONDS = 1800
START = """
import site, sys
site.addsitedir(sys.argv.pop(1))
from autobahntestsuite.wstest import run
run()
"""


def find_python2(given: str | None) -> str | None:
    """Give a Python 2.7: the given one, one on the PATH, or one of pyenv."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    names = [given] if given else ["python2.7", *map(str, root.glob("versions/2.7*/bin/python"))]
    return next((path for name in names if (path := shutil.which(name)) and runs(path)), None)


def runs(python2: str) -> bool:
    """Tell whether it starts: pyenv leaves names on the PATH that only print advice."""
    return subprocess.run([python2, "-c", ""], capture_output=True, timeout=60).returncode == 0


def install(python2: str, folder: Path) -> None:
    """Put the suite into a folder of its own; CalledProcessError when it cannot be had."""
    command = [python2, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*command, "--target", str(folder), PACKAGE], check=True, timeout=LIMIT_SECONDS)


async def run_suite(python2: str, suite: Path, cases: list[str], out: Path) -> dict[str, Any]:
    """Run the cases against a fresh server and give the suite's results by case."""
    async with running(FakeGate(max_frame=1 << 24)) as server:
        target = {"agent": "hiroba", "url": server.url, "protocols": ["hiroba.v1.json"]}
        spec = out / "spec.json"
        spec.write_text(json.dumps({"outdir": str(out), "servers": [target], "cases": cases}))
        process = await asyncio.create_subprocess_exec(
            *(python2, "-c", START, str(suite), "-m", "fuzzingclient", "-s", str(spec)),
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            if await asyncio.wait_for(process.wait(), LIMIT_SECONDS):
                raise RuntimeError("the suite ended with an error")
        finally:
            if process.returncode is None:
                process.kill()
    results: dict[str, Any] = json.loads((out / "index.json").read_text())["hiroba"]
    return results


def judge(results: dict[str, Any]) -> int:
    """Print what the suite found and give the number of cases that failed."""
    bad = {
        case: result
        for case, result in results.items()
        if result["behavior"] not in GOOD or result["behaviorClose"] not in GOOD
    }
    for case, result in sorted(bad.items()):
        print(f"{case}: {result['behavior']}, close {result['behaviorClose']}")
    counts = Counter(result["behavior"] for result in results.values())
    words = ", ".join(f"{count} {behavior}" for behavior, count in counts.most_common())
    print(f"{len(results)} cases: {words}; {len(bad)} failed")
    return len(bad) if results else 1


def main() -> int:
    """Give 0 when no case failed; also, loudly, when there is no Python 2.7."""
    parser = argparse.ArgumentParser(prog="python -m tests.autobahn", description=__doc__)
    parser.add_argument("--python2", help="a Python 2.7")
    parser.add_argument("--suite", type=Path, help=f"a folder with {PACKAGE}, else installed anew")
    parser.add_argument("--out", type=Path, help="where the reports go, else nowhere")
    parser.add_argument("cases", nargs="*", help=f"for example 5.*; all: {' '.join(SECTIONS)}")
    options = parser.parse_args()
    python2 = find_python2(options.python2)
    if python2 is None:
        print("!!! Autobahn was SKIPPED: there is no Python 2.7 !!!")
        return 1 if "autobahn" in os.environ.get("HIROBA_REQUIRE", "").split(",") else 0
    with tempfile.TemporaryDirectory(prefix="hiroba-autobahn-") as temporary:
        suite = options.suite or Path(temporary) / "suite"
        if options.suite is None:
            install(python2, suite)
        out = (options.out or Path(temporary) / "out").resolve()
        out.mkdir(parents=True, exist_ok=True)
        cases = options.cases or list(SECTIONS)
        return 1 if judge(uvloop.run(run_suite(python2, suite, cases, out))) else 0


if __name__ == "__main__":
    sys.exit(main())
