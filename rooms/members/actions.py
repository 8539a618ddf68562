"""The only code that writes members: joining, signing in, changing and leaving."""

from __future__ import annotations

import secrets
from typing import Any

from moderation.names import name_key
from moderation.rules import Rank
from moderation.screening import check_name
from rooms.members import rules
from rooms.members.passwords import Passwords
from rooms.members.reads import SQL, has_owner
from server.addresses import prefix
from server.context import Context, Viewer
from server.database import Queries
from server.errors import Refused
from server.outbox import Durable, durable
from server.rate_limit import RedisLimit

STAFF_CHANGED = {"type": "changed", "what": "staff"}
"""Tells every process whose names guests must not come close to."""
TAKEN = "Somebody here has this name already, or one that looks like it."


async def sign_up(
    ctx: Context,
    *,
    open_to_all: bool,
    name: object,
    password: object,
    language: str,
    address: str,
) -> int:
    """Add a member who chose a name and password, and give the member's id.

    Raises Refused: forbidden where only the owner adds members, invalid with the `field` that is
    wrong, rate_limited.
    """
    if not open_to_all:
        raise Refused("forbidden", "New members are added by the owner here.")
    cleaned = await check_name(ctx, _text(name))
    chosen = rules.checked_password(password, name=cleaned)
    await ctx.of(Limits).sign_in.take("join", prefix(address), ctx.settings.visitor_rate)
    stored = await ctx.of(Passwords).hash(chosen)
    return await _insert(ctx.db, cleaned, stored, Rank.MEMBER, language)


async def sign_in(ctx: Context, *, name: object, password: object, address: str) -> int:
    """Give the id of the member with this name and password.

    Raises Refused: unauthenticated (the same for an unknown name and a wrong password, and as
    slow), rate_limited after five tries a minute for the name or from the address.
    """
    key, rate = name_key(_text(name)[:200]), ctx.settings.sign_in_rate
    limits = ctx.of(Limits)
    await limits.sign_in.take("sign-in-address", prefix(address), rate)
    await limits.sign_in.take("sign-in-name", key, rate)
    tried = rules.tried_password(password)
    row = await ctx.db.one(SQL.member_by_key, key)
    passwords = ctx.of(Passwords)
    if not await passwords.verify(row["password_hash"] if row else None, tried) or row is None:
        raise Refused("unauthenticated", "The name or the password is not right.")
    if passwords.is_outdated(row["password_hash"]):
        await ctx.db.run(SQL.set_password, row["id"], await passwords.hash(tried))
    return int(row["id"])


async def change_password(ctx: Context, viewer: Viewer, *, old: object, new: object) -> None:
    """Change one's password and sign out everywhere; the page signs this browser in again."""
    member_id = await _reauthenticated(ctx, viewer, old)
    stored = await ctx.of(Passwords).hash(rules.checked_password(new, name=viewer.name))
    async with durable(ctx) as step:
        await step.run(SQL.set_password, member_id, stored)
        await _sign_out(step, member_id)


async def sign_out_everywhere(ctx: Context, viewer: Viewer) -> None:
    """End every session and void every token of a member; open pages are told within a second."""
    async with durable(ctx) as step:
        await _sign_out(step, rules.member_number(viewer.id or ""))


async def rename(ctx: Context, viewer: Viewer, name: object) -> str:
    """Change one's name; what was written keeps the name it was written under."""
    member_id = rules.member_number(viewer.id or "")
    cleaned = await check_name(ctx, _text(name), own=viewer.id or "")
    async with durable(ctx) as step:
        if await step.run(SQL.rename, member_id, cleaned, name_key(cleaned)) == "UPDATE 0":
            raise Refused("invalid", TAKEN, field="name", problem="taken")
        await _void_tokens(step, member_id)
    return cleaned


async def set_profile(ctx: Context, viewer: Viewer, *, language: str, about: object) -> None:
    """Change the language and what one says of oneself."""
    member_id = rules.member_number(viewer.id or "")
    async with durable(ctx) as step:
        await step.run(SQL.set_profile, member_id, language, rules.checked_about(about))
        await _void_tokens(step, member_id)


async def delete_account(ctx: Context, viewer: Viewer, password: object) -> None:
    """Leave for good: messages become those of a deleted member, everything else is emptied."""
    member_id = await _reauthenticated(ctx, viewer, password)
    async with durable(ctx) as step:
        await _keep_one_owner(step, member_id)
        await _sign_out(step, member_id)
        await step.run(SQL.forget_member, member_id)
        await step.run(SQL.forget_names)


async def export(ctx: Context, viewer: Viewer) -> dict[str, Any]:
    """Give everything that is stored about a member, ready for JSON."""
    member_id = rules.member_number(viewer.id or "")
    row = await ctx.db.one(SQL.member, member_id)
    messages = await ctx.db.all(SQL.own_messages, member_id, timeout=30)
    reactions = await ctx.db.all(SQL.own_reactions, viewer.id, timeout=30)
    return {
        "member": {**dict(row or {}), "session_version": None},
        "messages": [dict(message) for message in messages],
        "reactions": [dict(reaction) for reaction in reactions],
    }


async def create(ctx: Context, viewer: Viewer, *, name: object, role: object) -> tuple[int, str]:
    """Add a member without a password; gives the id and a link that sets one."""
    _owner_only(viewer)
    rank = rules.role_rank(role)
    cleaned = await check_name(ctx, _text(name), staff=Rank.staff(rank))
    async with durable(ctx) as step:
        member_id = await _insert(step, cleaned, None, rank, "en")
        step.control(STAFF_CHANGED)
        return member_id, await _make_link(step, "reset", member_id)


async def set_role(ctx: Context, viewer: Viewer, person: str, role: object) -> None:
    """Give a member a role; their open connections come back with it."""
    _owner_only(viewer)
    member_id, rank = rules.member_number(person), rules.role_rank(role)
    async with durable(ctx) as step:
        if rank < Rank.OWNER:
            await _keep_one_owner(step, member_id)
        if await step.run(SQL.set_rank, member_id, int(rank)) == "UPDATE 0":
            raise Refused("not_found", "There is no such member.")
        await _void_tokens(step, member_id)


async def make_reset_link(ctx: Context, viewer: Viewer, person: str) -> str:
    """Make a link that sets a new password once, for the owner to hand over; gives its token."""
    _owner_only(viewer)
    member_id = rules.member_number(person)
    async with durable(ctx) as step:
        row = await step.one(SQL.member, member_id)
        if row is None or row["deleted"]:
            raise Refused("not_found", "There is no such member.")
        return await _make_link(step, "reset", member_id)


async def use_reset_link(ctx: Context, token: str, password: object) -> int:
    """Set a password with a one-time link and sign out everywhere; gives the member's id."""
    async with durable(ctx) as step:
        member_id = await step.value(SQL.use_link, rules.secret_hash(token), "reset")
        row = await step.one(SQL.member, member_id) if member_id is not None else None
        if row is None or row["deleted"]:
            raise _spent()
        # A refusal rolls back, so that a password that is too weak does not cost the link.
        chosen = rules.checked_password(password, name=row["name"])
        await step.run(SQL.set_password, member_id, await ctx.of(Passwords).hash(chosen))
        await _sign_out(step, member_id)
        return int(member_id)


async def make_setup_link(ctx: Context) -> str | None:
    """Make the link with which somebody becomes owner; None when there is an owner already."""
    async with durable(ctx) as step:
        if await has_owner(step):
            return None
        return await _make_link(step, "setup", None)


async def use_setup_link(
    ctx: Context, token: str, *, name: object, password: object, language: str
) -> int:
    """Become the owner with the one-time set-up link; gives the member's id."""
    cleaned = await check_name(ctx, _text(name), staff=True)
    chosen = rules.checked_password(password, name=cleaned)
    stored = await ctx.of(Passwords).hash(chosen)
    async with durable(ctx) as step:
        used = await step.one(SQL.use_link, rules.secret_hash(token), "setup")
        if used is None or await has_owner(step):
            raise _spent()
        step.control(STAFF_CHANGED)
        return await _insert(step, cleaned, stored, Rank.OWNER, language)


class Limits:
    """The counters of this feature in Redis."""

    def __init__(self, ctx: Context) -> None:
        self.sign_in = RedisLimit(ctx.broker)


async def _insert(db: Queries, name: str, stored: str | None, rank: Rank, language: str) -> int:
    key = name_key(name)
    member_id = await db.value(SQL.insert_member, name, key, stored, int(rank), language, False)
    if member_id is None:
        raise Refused("invalid", TAKEN, field="name", problem="taken")
    return int(member_id)


async def _make_link(step: Durable, purpose: str, member_id: int | None) -> str:
    token = secrets.token_urlsafe(24)
    await step.run(SQL.void_links, purpose, member_id)
    hashed = rules.secret_hash(token)
    await step.run(SQL.insert_link, hashed, purpose, member_id, rules.LINK_HOURS)
    return token


async def _sign_out(step: Durable, member_id: int) -> None:
    await step.run(SQL.end_sessions, member_id, None)
    await _void_tokens(step, member_id)


async def _void_tokens(step: Durable, member_id: int) -> None:
    """Void what carries the old name, role or session; a signed-in browser fetches a new ticket."""
    version = await step.value(SQL.bump_version, member_id)
    step.control({"type": "revoke", "publisher": f"m{member_id}", "version": version})


async def _reauthenticated(ctx: Context, viewer: Viewer, password: object) -> int:
    member_id = rules.member_number(viewer.id or "")
    rate = ctx.settings.sign_in_rate
    await ctx.of(Limits).sign_in.take("sign-in-name", viewer.id or "", rate)
    stored = await ctx.db.value(SQL.password_of, member_id)
    if not await ctx.of(Passwords).verify(stored, rules.tried_password(password)):
        raise Refused("invalid", "This is not your present password.", field="old", problem="wrong")
    return member_id


async def _keep_one_owner(step: Durable, member_id: int) -> None:
    owners = [row["id"] for row in await step.all(SQL.lock_owners)]
    if owners == [member_id]:
        raise Refused(
            "invalid",
            "A community keeps at least one owner; make another one first.",
            problem="last_owner",
        )


def _owner_only(viewer: Viewer) -> None:
    if viewer.rank < Rank.OWNER:
        raise Refused("forbidden", "Only the owner can do this.")


def _spent() -> Refused:
    return Refused("expired", "This link was used already, or is too old. Ask for a new one.")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Refused("invalid", "A name is text.", field="name")
    return value
