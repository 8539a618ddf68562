"""The command line of the load tests: `python -m loadtest --help`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from loadtest import report
from loadtest.api import ApiError
from loadtest.lines import BadLog, read
from loadtest.scenarios.replay import Replay, run
from loadtest.servers import NotStarted
from loadtest.swarm import Died


def main() -> int:
    """Give 0 when every check held, 1 when one did not, 2 when the run was not possible."""
    options = _parser().parse_args()
    try:
        replay = Replay(
            lines=read(options.file, options.lines),
            viewers=options.viewers,
            speed=options.speed,
            urls=tuple(options.url),
            room=options.room,
            gateways=options.gateways,
            watchers=options.watchers,
        )
        print(f"replay of {len(replay.lines)} lines at {replay.speed:g} times their speed")
        told = asyncio.run(run(replay))
    except (BadLog, NotStarted, Died, ApiError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(report.table(told))
    if options.out is not None:
        report.write(told, options.out)
    return 0 if told.passed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    commands = parser.add_subparsers(required=True)
    replay = commands.add_parser("replay", help="replay a chat log and check every delivery")
    replay.add_argument("file", type=Path, help="JSON lines with ms, user and text")
    replay.add_argument("--viewers", type=_count, default=50, help="on the full feed [50]")
    replay.add_argument("--speed", type=_speed, default=10.0, help="times the real speed [10]")
    replay.add_argument("--lines", type=_count, help="only the first so many")
    replay.add_argument(
        "--url", action="append", default=[], help="a running server (repeat for several)"
    )
    replay.add_argument("--room", default="", help="its room; needed with --url")
    replay.add_argument("--gateways", type=_count, default=2, help="of servers started here [2]")
    replay.add_argument("--watchers", type=_count, default=1, help="processes of viewers [1]")
    replay.add_argument("--out", type=Path, help="a folder for report.json and latency.svg")
    return parser


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _speed(text: str) -> float:
    value = float(text)
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError("above 0, at most 10000")
    return value


if __name__ == "__main__":
    sys.exit(main())
