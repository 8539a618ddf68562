"""Tokens for the live socket: of guests, of bots, and the one-use ticket of a signed-in page."""

from __future__ import annotations

import secrets

from moderation.rules import Rank
from moderation.screening import check_name
from rooms.members.reads import SQL
from rooms.members.rules import BEARER_TOKEN_MS, GUEST_TOKEN_MS, member_number
from server.addresses import prefix
from server.context import Context, Viewer
from server.errors import Refused
from server.identity import Claims, Keyring
from server.rate_limit import RedisLimit
from server.sessions import Sessions


async def guest(
    ctx: Context, keyring: Keyring, *, name: object, address: str, language: str = "en"
) -> tuple[str, Viewer]:
    """Give a guest a name and a token for it.

    Raises Refused: invalid (the name), rate_limited (too many names from this address).
    """
    if not isinstance(name, str):
        raise Refused("invalid", "A name is text.", field="name")
    cleaned = await check_name(ctx, name)
    await RedisLimit(ctx.broker).take("guests", prefix(address), ctx.settings.visitor_rate)
    now = ctx.clock()
    # Twelve random bytes are sixteen characters.
    viewer = Viewer(
        id=f"g{secrets.token_urlsafe(12)}",
        name=cleaned,
        rank=Rank.GUEST,
        address=address,
        language=language,
        since=now,
    )
    return keyring.sign(_claims("visitor", viewer, now + GUEST_TOKEN_MS)), viewer


async def bearer(ctx: Context, keyring: Keyring, person: str) -> str:
    """Give a member's token for bots; signing out everywhere voids it."""
    viewer = await _member(ctx, person)
    return keyring.sign(_claims("bearer", viewer, ctx.clock() + BEARER_TOKEN_MS))


async def ticket(ctx: Context, sessions: Sessions, viewer: Viewer) -> str:
    """Give a signed-in page its one-use ticket for the socket."""
    if viewer.id is None:
        raise Refused("unauthenticated", "Sign in first.")
    return await sessions.issue_ticket(_claims("ticket", viewer, ctx.clock() + 60_000))


async def resolve(ctx: Context, claims: Claims) -> Viewer:
    """Say whom verified claims speak for; a bot's are looked up, the others are fresh."""
    if claims.kind == "bearer":
        viewer = await _member(ctx, claims.publisher or "")
        if viewer.version != claims.version:
            raise Refused("unauthenticated", "This token was revoked.")
        return viewer
    return Viewer(
        id=claims.publisher,
        name=claims.name,
        rank=claims.rank,
        version=claims.version,
        language=claims.language,
        since=claims.since,
    )


def _claims(kind: str, viewer: Viewer, expires: int) -> Claims:
    return Claims(
        kind=kind,
        publisher=viewer.id,
        name=viewer.name,
        rank=viewer.rank,
        version=viewer.version,
        expires=expires,
        language=viewer.language,
        since=viewer.since,
    )


async def _member(ctx: Context, person: str) -> Viewer:
    row = await ctx.db.one(SQL.member, member_number(person))
    if row is None or row["deleted"]:
        raise Refused("unauthenticated", "This member is no longer here.")
    return Viewer(
        id=person,
        name=row["name"],
        rank=row["rank"],
        version=row["session_version"],
        language=row["language"],
        since=int(row["created_at"].timestamp() * 1000),
    )
