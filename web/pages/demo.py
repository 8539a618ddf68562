"""One click into the demo as one of its people; only while the demo runs, on this machine."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rooms.members import sessions
from rooms.members.rules import member_number
from server.context import Context
from server.errors import Refused
from web.demo.community import SIGN_INS, people
from web.demo.seed import demo_people
from web.session import read_form, remember_session, safe_back


async def enter(request: Request) -> Response:
    """Sign in as the person whose button was pressed."""
    ctx: Context = request.state.ctx
    form = await read_form(request)
    key = form.get("person", "")
    if not ctx.settings.demo or key not in SIGN_INS:
        raise Refused("not_found", "There is no such page.")
    known = await demo_people(ctx)
    if key not in known:
        raise Refused("not_found", "There is no such page.")
    cookie = await sessions.begin(ctx, member_number(known[key]))
    back = {"host": "/studio", "owner": "/settings"}.get(key, safe_back(form.get("back", "")))
    response = RedirectResponse(back, 303)
    remember_session(request, response, cookie)
    return response


def offered() -> list[tuple[str, str]]:
    """Give (key, name) of the people that the sign-in page offers."""
    known = people()
    return [(key, known[key].name) for key in SIGN_INS]


routes = [Route("/demo/enter", enter, methods=["POST"], name="enter_demo")]
