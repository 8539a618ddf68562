"""The pages that say what went wrong."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse

from server.errors import Refused
from web.pages.rendering import render, words_of

KNOWN = (403, 404, 429, 500, 503)


def page_for(request: Request, status: int, refused: Refused | None = None) -> HTMLResponse:
    """Answer with the page of an error; a wait is said in seconds and as Retry-After."""
    wait = refused.retry_after if refused else None
    seconds = -(-wait // 1000) if wait else None
    return render(
        request,
        "errors.html",
        status=status,
        headers={"Retry-After": str(seconds)} if seconds else None,
        code=status if status in KNOWN else (500 if status >= 500 else 400),
        seconds=seconds,
        said=sentence(request, refused) if refused else "",
    )


def sentence(request: Request, refused: Refused) -> str:
    """Say in the reader's language why a request was refused."""
    words = words_of(request)
    said = {
        "unauthenticated": words.gettext("Sign in first."),
        "forbidden": words.gettext("Your account may not do this."),
        "not_found": words.gettext("It is not here, or not for you to see."),
        "too_large": words.gettext("That is too long."),
        "too_late": words.gettext("It is too late to change this."),
        "rate_limited": words.gettext("That was too fast. Wait a little and try again."),
        "muted": words.gettext("You cannot write here at the moment."),
        "banned": words.gettext("You have been shut out of this community."),
        "slow_mode": words.gettext("Slow mode is on. Wait a little before the next comment."),
        "room_closed": words.gettext("This room takes no new comments."),
        "room_busy": words.gettext("Too much is being said at once. Try again in a moment."),
        "unavailable": words.gettext("This could not be saved just now. Try again in a moment."),
        "backlog": words.gettext("This could not be saved just now. Try again in a moment."),
    }
    return said.get(refused.code, words.gettext("This did not work. Check what you entered."))
