"""The command line of the load tests: `python -m loadtest --help`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from typing import Final, Protocol

from loadtest import report
from loadtest.errors import CannotRun
from loadtest.options import Commands
from loadtest.report import Report
from loadtest.scenarios import chaos, fanout, hotroom, idle, peers, publish, replay, sale


class Scenario(Protocol):
    """What a module in the table below offers."""

    def add_parser(self, commands: Commands, /) -> None:
        """Add the scenario's own parser, with `add_out`."""

    async def run(self, options: argparse.Namespace, /) -> Report:
        """Measure or check; raises CannotRun where that is not possible."""


SCENARIOS: Final[dict[str, Scenario]] = {
    "fanout": fanout,
    "hotroom": hotroom,
    "idle": idle,
    "publish": publish,
    "chaos": chaos,
    "peers": peers,
    "replay": replay,
    "sale": sale,
}
"""Every scenario by the name that its parser gives itself."""


def main() -> int:
    """Give 0 when every check held, 1 when one did not, 2 when the run was not possible."""
    options = _parser().parse_args()
    # As Ctrl-C does: the servers that were started are stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        told = asyncio.run(SCENARIOS[options.scenario].run(options))
    except CannotRun as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(report.table(told))
    if options.out is not None:
        report.write(told, options.out)
    return 0 if told.passed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest", description="Load tests of a running Hiroba."
    )
    commands = parser.add_subparsers(required=True, dest="scenario", metavar="SCENARIO")
    for scenario in SCENARIOS.values():
        scenario.add_parser(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
