"""Every URL, one table."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.errors import Refused
from server.gateway import Gateway
from web import health, static_files
from web.api import endpoints as api
from web.errors import as_json
from web.pages import (
    account,
    buying,
    console,
    demo,
    giveaways,
    home,
    looks,
    media,
    orders,
    preferences,
    product_imports,
    products,
    profile,
    questions,
    room,
    search,
    settings,
    setup,
    shop_settings,
    studio,
    texts,
)


async def live(request: Request) -> Response:
    """Answer who comes to the live socket without a WebSocket handshake."""
    refused = Refused("malformed", "This address speaks WebSocket only.")
    response = as_json(refused, 426)
    response.headers.update({"Upgrade": "websocket", "Connection": "Upgrade"})
    return response


routes: list[BaseRoute] = [
    Route("/healthz", health.healthz),
    Route("/readyz", health.readyz),
    Route(Gateway.path, live, name="live_socket"),
    *static_files.routes,
    *media.routes,
    *api.routes,
    *giveaways.routes,
    *home.routes,
    *account.routes,
    *demo.routes,
    *profile.routes,
    *orders.routes,
    *preferences.routes,
    *questions.routes,
    *room.routes,
    *buying.routes,
    *search.routes,
    *studio.routes,
    *product_imports.routes,
    *products.routes,
    *console.routes,
    *settings.routes,
    *shop_settings.routes,
    *looks.routes,
    *setup.routes,
    *texts.routes,
]
