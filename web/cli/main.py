"""The commands, one table, and what happens to their errors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server import log
from server.errors import HirobaError
from server.settings import Settings, describe
from web.cli import archive, demo, doctor, gateway, people, room, serve, upkeep, worker
from web.cli.paths import program_version
from web.cli.servers import reachable


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand: its help, its options, and what it does."""

    help: str
    run: Callable[[Settings, argparse.Namespace], int]
    arguments: Callable[[argparse.ArgumentParser], None] = lambda parser: None


def _gateway(settings: Settings, _: argparse.Namespace) -> int:
    with reachable(settings, start=False) as found:
        return gateway.run(found)


def _worker(settings: Settings, _: argparse.Namespace) -> int:
    with reachable(settings, start=False) as found:
        return worker.run(found)


COMMANDS = {
    "serve": Command("start everything (the default)", serve.run, serve.add_arguments),
    "gateway": Command("start one gateway on servers that run", _gateway),
    "worker": Command("start one worker on servers that run", _worker),
    "migrate": Command("bring the database to this version", upkeep.run_migrate),
    "member": Command(
        "create members, give roles, links and bot tokens", people.run, people.add_arguments
    ),
    "secret": Command(
        "rotate the secret that signs tokens", upkeep.run_secret, upkeep.add_secret_arguments
    ),
    "room": Command("create a room", room.run, room.add_arguments),
    "backup": Command("save everything in one file", archive.run_backup, archive.add_file),
    "restore": Command("fill an empty data directory", archive.run_restore, archive.add_file),
    "doctor": Command("say what is wrong with configuration and servers", doctor.run),
}
OPTIONS = {"port": "HIROBA_PORT", "gateways": "HIROBA_GATEWAYS", "data": "HIROBA_DATA_DIR"}
"""Options that stand for a setting."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command and exit with its status: 1 when something is wrong, 2 when it was misused."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = arguments if arguments == ["--version"] else ["serve", *arguments]
    args = _parser().parse_args(arguments)
    given = {
        variable: value
        for option, variable in OPTIONS.items()
        if (value := getattr(args, option, None)) is not None
    }
    try:
        settings = Settings.from_env({**_quiet(args), **os.environ, **given})
        is_demo = not args.no_demo if args.command is COMMANDS["serve"] else None
        settings = demo.located(settings, is_demo)
        log.configure(settings.log_level, settings.log_format, args.name)
        sys.exit(args.command.run(settings, args))
    except HirobaError as error:
        print(f"hiroba: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _quiet(args: argparse.Namespace) -> dict[str, str]:
    """Keep the terminal of a person free for what the command itself prints."""
    at_a_terminal = sys.stderr.isatty() and args.name not in ("gateway", "worker")
    return {"HIROBA_LOG_LEVEL": "warning"} if at_a_terminal else {}


def _parser() -> argparse.ArgumentParser:
    width = max(len(name) for name, _, _ in describe())
    settings = "\n".join(
        f"  {name:<{width}}  {text}" + (f" [{default}]" if default else "")
        for name, default, text in describe()
    )
    parser = argparse.ArgumentParser(
        prog="hiroba",
        description="A self-hosted server for live commerce and the community around it.",
        epilog=f"settings (environment variables):\n{settings}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hiroba {program_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.help, description=command.help)
        command.arguments(sub)
        sub.add_argument("--data", metavar="DIR", help="where the private servers keep data")
        sub.add_argument("--name", default=name, help=argparse.SUPPRESS)
        sub.set_defaults(command=command)
    return parser
