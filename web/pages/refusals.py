"""Says in the reader's language what is wrong with a field of a form, and keeps what was sent."""

from __future__ import annotations

from starlette.datastructures import UploadFile
from starlette.requests import Request

from server.errors import Refused
from web.i18n import Translator
from web.pages.errors import sentence
from web.pages.rendering import words_of
from web.session import FIELD, read_form

Form = dict[str, str]
STALE = "stale"
NAME = ("empty", "too_long", "invisible", "word", "reserved", "resembles_staff", "taken")
"""Problems that belong to a person's name when no field is given."""


async def read_given(request: Request) -> tuple[Form, Refused | None]:
    """Read a form of ours; one that is out of date is given with its refusal, so nothing is lost.

    Raises Refused: too_large, and whatever `read_form` refuses besides the form's token.
    """
    try:
        return await read_form(request), None
    except Refused as refused:
        if refused.code != "forbidden":
            raise
    sent = (await request.form()).multi_items()
    given = {key: value for key, value in sent if not isinstance(value, UploadFile)}
    given.pop(FIELD, None)
    return given, Refused("forbidden", "This form is out of date.", problem=STALE)


def status_of_form(refused: Refused | None) -> int:
    """Give the HTTP status of a form that is shown with this refusal."""
    if refused is None:
        return 200
    known = {"rate_limited": 429, "forbidden": 403, "too_large": 413, "unavailable": 503}
    return known.get(refused.code, 422)


def wait_of(refused: Refused | None) -> dict[str, str]:
    """Give the header that tells how long to wait, if waiting helps."""
    if refused is None or refused.retry_after is None:
        return {}
    return {"Retry-After": str(-(-refused.retry_after // 1000))}


def field_errors(request: Request, refused: Refused) -> dict[str, str]:
    """Give `{field: sentence}`; what belongs to no field stands under the empty name."""
    words = words_of(request)
    field = str(refused.details.get("field", ""))
    problem = str(refused.details.get("problem", ""))
    said = _of_problem(words).get(problem)
    if said is not None:
        return {field or ("name" if problem in NAME else ""): said}
    if refused.code == "unauthenticated":
        return {"": words.gettext("The name or the password is not right.")}
    if refused.code == "expired":
        return {"": words.gettext("This link was used already, or is too old. Ask for a new one.")}
    if refused.code == "rate_limited" and refused.retry_after:
        seconds = -(-refused.retry_after // 1000)
        wait = words.ngettext("Try again in {n} second.", "Try again in {n} seconds.", seconds)
        return {"": " ".join((words.gettext("That was too many tries."), wait))}
    if refused.code == "too_large" and field in ("logo", "poster"):
        return {field: words.gettext("A picture may have at most 2 MB.")}
    if refused.code == "invalid" and field:
        return {field: _of_field(words).get(field, sentence(request, refused))}
    return {field: sentence(request, refused)}


def _of_problem(words: Translator) -> dict[str, str]:
    return {
        "empty": words.gettext("Choose a name."),
        "too_long": words.gettext("This name is too long."),
        "invisible": words.gettext("This name has characters that nobody can see."),
        "word": words.gettext("This name has a word that is not used here."),
        "reserved": words.gettext("This name is reserved."),
        "resembles_staff": words.gettext("This name looks like that of somebody of the staff."),
        "taken": words.gettext("Somebody here has this name already, or one that looks like it."),
        "short": words.gettext("The password needs at least 8 characters."),
        "long": words.gettext("The password is too long."),
        "common": words.gettext("This password is among the first that somebody would try."),
        "name": words.gettext("The password must not be your name."),
        "wrong": words.gettext("This is not your present password."),
        "last_owner": words.gettext(
            "A community keeps at least one owner. Make somebody else owner first."
        ),
        "slug_taken": words.gettext("Another room has this short name already."),
        "another_on": words.gettext("Another broadcast of this room is on air. End it first."),
        "over": words.gettext("This broadcast is over. Schedule a new one."),
        "not_on": words.gettext("This broadcast is not on air."),
        "on_air": words.gettext("This broadcast is on air already."),
        STALE: words.gettext(
            "This page had become out of date. What you entered is still here: send it again."
        ),
    }


def _of_field(words: Translator) -> dict[str, str]:
    return {
        "title": words.gettext("Write a title of at most 120 characters."),
        "about": words.gettext("This text is too long, or has characters that nobody can see."),
        "video": words.gettext(
            "This cannot be played. Enter an address that begins with https:// and is an HLS list,"
            " a video file, or a page of YouTube or Vimeo."
        ),
        "poster": words.gettext(
            "The poster is a PNG, JPEG or WebP picture, or an address that begins with https://"
        ),
        "starts_at": words.gettext("Choose a date and time within the next year."),
        "room": words.gettext("Choose one of the rooms."),
        "slug": words.gettext("Use small Latin letters, digits and hyphens, at most 60."),
        "kind": words.gettext("Choose one of the kinds."),
        "visibility": words.gettext("Choose who reads."),
        "mode": words.gettext("Choose who writes."),
        "seconds": words.gettext("Choose one of the steps."),
        "text": words.gettext("Write an answer of at most 2,000 characters."),
        "live": words.gettext("No broadcast is on air, so it cannot be answered live."),
        "name": words.gettext("A name has 1 to 40 characters."),
        "logo": words.gettext("The logo has to be a PNG, JPEG or WebP file."),
        "accent": words.gettext("Write the colour as # and six digits, like #00756a."),
        "languages": words.gettext("Choose at least one language."),
        "language": words.gettext("Choose one of the languages."),
        "main": words.gettext("Choose one of the languages that you offer."),
        "joining": words.gettext("Choose who may join."),
        "texts": words.gettext("A page has at most 20,000 characters."),
        "role": words.gettext("Choose one of the roles."),
        "url": words.gettext("Enter an address that begins with https://"),
        "checkout_url": words.gettext("Enter an address that begins with https://"),
    }
