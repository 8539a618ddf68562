"""Every URL, one table."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from web import health

routes: list[BaseRoute] = [
    Route("/healthz", health.healthz),
    Route("/readyz", health.readyz),
]
