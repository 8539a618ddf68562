"""`hiroba member`: what the operator of the machine may do to accounts."""

from __future__ import annotations

import argparse
import asyncio

from moderation.rules import Rank
from rooms.members import actions, tokens
from server.context import Context, Viewer
from server.identity import Keyring
from server.settings import Settings
from web.cli.paths import add_data
from web.cli.servers import reachable
from web.resources import opened

OPERATOR = Viewer(rank=Rank.OWNER)
"""Whoever may start commands on this machine; nobody's account."""
ROLES = [rank.name.lower() for rank in Rank if rank >= Rank.MEMBER]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions, each with its own arguments."""
    actions_of = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions_of.add_parser("create", help="add a member; prints a link for the password")
    create.add_argument("name")
    create.add_argument("--role", choices=ROLES, default="member")
    role = actions_of.add_parser("role", help="give a member another role")
    role.add_argument("person", help="the member's id, such as m42")
    role.add_argument("role", choices=ROLES)
    token = actions_of.add_parser("token", help="print a token for a bot")
    token.add_argument("person", help="the member's id, such as m42")
    link = actions_of.add_parser("link", help="print a link that sets a new password, once")
    link.add_argument("person", help="the member's id, such as m42")
    for action in (create, role, token, link):
        add_data(action)


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Carry out one action and print what came of it."""
    with reachable(settings) as found:
        print(asyncio.run(_act(found, args)))
    return 0


async def _act(settings: Settings, args: argparse.Namespace) -> str:
    async with opened(settings, listen=False) as ctx:
        match args.action:
            case "create":
                number, link = await actions.create(ctx, OPERATOR, name=args.name, role=args.role)
                return f"m{number}\n{_reset(ctx, link)}"
            case "role":
                await actions.set_role(ctx, OPERATOR, args.person, args.role)
                return f"{args.person} is {args.role} now"
            case "link":
                return _reset(ctx, await actions.make_reset_link(ctx, OPERATOR, args.person))
            case _:
                return await tokens.bearer(ctx, await Keyring.load(ctx.db), args.person)


def _reset(ctx: Context, token: str) -> str:
    return f"{ctx.settings.public_url}/reset/{token}"
