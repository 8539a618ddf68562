"""Says in the reader's language what is wrong with a field of a form."""

from __future__ import annotations

from starlette.requests import Request

from server.errors import Refused
from web.pages.errors import sentence
from web.pages.rendering import words_of


def field_errors(request: Request, refused: Refused) -> dict[str, str]:
    """Give `{field: sentence}`; what belongs to no field stands under the empty name."""
    words = words_of(request)
    field = str(refused.details.get("field", ""))
    problem = str(refused.details.get("problem", ""))
    said = {
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
    }
    if problem in said:
        return {field or "name": said[problem]}
    if refused.code == "unauthenticated":
        return {"": words.gettext("The name or the password is not right.")}
    if refused.code == "expired":
        return {"": words.gettext("This link was used already, or is too old. Ask for a new one.")}
    return {field: sentence(request, refused)}
