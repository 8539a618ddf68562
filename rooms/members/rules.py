"""What a name, a password and a link have to be; pure."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from moderation.rules import Rank
from server.errors import Refused

LEAST_PASSWORD, MOST_PASSWORD = 8, 200
MOST_ABOUT = 500
SESSION_DAYS = 90
LINK_HOURS = 24
GUEST_TOKEN_MS = 30 * 86_400_000
BEARER_TOKEN_MS = 10 * 365 * 86_400_000

ROLES = {rank.wire: rank for rank in (Rank.MEMBER, Rank.MODERATOR, Rank.HOST, Rank.OWNER)}
"""The roles that a member can be given, by wire name."""

# The first of every list of leaked passwords that are long enough to pass the length check.
TOO_COMMON = frozenset(
    """
    password password1 password123 passw0rd 12345678 123456789 1234567890 11111111 00000000
    87654321 88888888 qwertyui qwertyuiop qwerty123 asdfghjk asdfghjkl iloveyou sunshine
    princess football baseball superman trustno1 letmein1 welcome1 abcd1234 abc12345 1q2w3e4r
    1qaz2wsx zaq12wsx sakura123 hiroba123 hirobahiroba
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the owner and the member see them; never with the password's hash."""

    id: int
    name: str
    rank: Rank
    language: str
    about: str
    created_at: datetime
    session_version: int
    is_demo: bool
    deleted: bool

    @property
    def person(self) -> str:
        """Give the viewer id, such as `m42`."""
        return f"m{self.id}"


def member_number(person: str) -> int:
    """Read the number of a member's viewer id; `not_found` for guests and anything else."""
    digits = person[1:]
    if person[:1] != "m" or not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise Refused("not_found", "There is no such member.")
    return int(digits)


def checked_password(password: object, *, name: str) -> str:
    """Give a password that may be set, in NFC; Refused("invalid") says what is wrong with it."""
    if not isinstance(password, str):
        raise _refuse("short", "A password is text.")
    password = unicodedata.normalize("NFC", password)
    if len(password) < LEAST_PASSWORD:
        raise _refuse("short", f"The password needs at least {LEAST_PASSWORD} characters.")
    if len(password) > MOST_PASSWORD:
        raise _refuse("long", f"The password may have at most {MOST_PASSWORD} characters.")
    folded = password.casefold()
    if folded in TOO_COMMON or len(set(folded)) < 3:
        raise _refuse("common", "This password is among the first that somebody would try.")
    if len(name) >= 4 and folded.replace(name.casefold(), "") in ("", "1", "12", "123", "1234"):
        raise _refuse("name", "The password must not be your name.")
    return password


def tried_password(password: object) -> str:
    """Give what somebody tries at sign-in, bounded so that hashing it stays cheap."""
    text = password if isinstance(password, str) else ""
    return unicodedata.normalize("NFC", text[:MOST_PASSWORD])


def checked_about(about: object) -> str:
    """Give the text about oneself."""
    text = " ".join(str(about).split())
    if len(text) > MOST_ABOUT or not text.isprintable():
        raise Refused("invalid", f"This text may have {MOST_ABOUT} characters.", field="about")
    return text


def role_rank(role: object) -> Rank:
    """Give the rank of a role's wire name."""
    if not isinstance(role, str) or role not in ROLES:
        raise Refused("invalid", f"A role is one of {', '.join(ROLES)}.", field="role")
    return ROLES[role]


def secret_hash(secret: str) -> bytes:
    """Hash a random cookie or link for the table; as random as it is, it needs no salt."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _refuse(problem: str, sentence: str) -> Refused:
    return Refused("invalid", sentence, field="password", problem=problem)
