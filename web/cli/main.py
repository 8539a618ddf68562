"""The commands, one table, and what happens to their errors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from server import log
from server.errors import HirobaError
from server.settings import Settings, describe
from web.cli.paths import add_data, located, program_version


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand: its help, and the module that is loaded only when it is called."""

    help: str
    module: str
    run: str = "run"
    arguments: str = "add_arguments"


COMMANDS = {
    "serve": Command("start everything (the default)", "web.cli.serve"),
    "gateway": Command("start one gateway on servers that run", "web.cli.gateway"),
    "worker": Command("start one worker on servers that run", "web.cli.worker"),
    "migrate": Command("bring the database to this version", "web.cli.upkeep", "run_migrate"),
    "member": Command("create members, give roles, links and bot tokens", "web.cli.people"),
    "room": Command("create a room", "web.cli.room"),
    "secret": Command(
        "rotate the secret that signs tokens", "web.cli.upkeep", "run_secret", "secret_arguments"
    ),
    "backup": Command("save everything in one file", "web.cli.archive", "run_backup"),
    "restore": Command("fill an empty data directory", "web.cli.archive", "run_restore"),
    "doctor": Command("say what is wrong with configuration and servers", "web.cli.doctor"),
}
OPTIONS = {"port": "HIROBA_PORT", "gateways": "HIROBA_GATEWAYS", "data": "HIROBA_DATA_DIR"}
"""Options that stand for a setting."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command and exit with its status: 1 when something is wrong, 2 when it was misused."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = arguments if arguments == ["--version"] else ["serve", *arguments]
    chosen = COMMANDS.get(arguments[0])
    module = import_module(chosen.module) if chosen else None
    args = _parser(arguments[0], module).parse_args(arguments)
    given = {
        variable: value
        for option, variable in OPTIONS.items()
        if (value := getattr(args, option, None)) is not None
    }
    try:
        settings = Settings.from_env({**_quiet(args), **os.environ, **given})
        settings = located(settings, None if args.command != "serve" else not args.no_demo)
        log.configure(settings.log_level, settings.log_format, args.process)
        sys.exit(getattr(module, COMMANDS[args.command].run)(settings, args))
    except HirobaError as error:
        print(f"hiroba: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _quiet(args: argparse.Namespace) -> dict[str, str]:
    """Keep the terminal of a person free for what the command itself prints."""
    at_a_terminal = sys.stderr.isatty() and args.process not in ("gateway", "worker")
    return {"HIROBA_LOG_LEVEL": "warning"} if at_a_terminal else {}


def _parser(chosen: str, module: ModuleType | None) -> argparse.ArgumentParser:
    """Build the parser, with the options of the chosen command alone."""
    width = max(len(name) for name, _, _ in describe())
    settings = "\n".join(
        f"  {name:<{width}}  {text}" + (f" [{default}]" if default else "")
        for name, default, text in describe()
    )
    parser = argparse.ArgumentParser(
        prog="hiroba",
        description="A self-hosted server for live commerce and the community around it.",
        epilog=f"settings (environment variables):\n{settings}\n\n"
        "From a checkout, `./run` is this command line and `./run test` runs every check.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hiroba {program_version()}")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, dest="command"
    )
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.help, description=command.help)
        if name == chosen and hasattr(module, command.arguments):
            getattr(module, command.arguments)(sub)
        add_data(sub)
        sub.add_argument("--process", default=name, help=argparse.SUPPRESS)
    return parser
