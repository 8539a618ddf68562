"""What tells a load balancer that this process lives, and whether it can serve."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from server.log import Log

Check = Callable[[], Awaitable[object]]
"""Raises when a dependency cannot be used; what it returns is ignored."""

PATIENCE = 2.0
"""Seconds that a dependency gets to answer."""

log = Log(__name__)


async def healthz(request: Request) -> Response:
    """Answer that the process runs, without asking anybody else."""
    return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})


async def readyz(request: Request) -> Response:
    """Answer with each dependency by name; 503 when one of them does not answer."""
    checks: Mapping[str, Check] = request.state.checks
    states = await asyncio.gather(*(_state(name, check) for name, check in checks.items()))
    ready = all(state == "ok" for state in states)
    # One node less makes no gateway useless: the rooms of the others go on, on every gateway.
    nodes = {
        f"redis {name}": "ok" if answers else "failing"
        for name, answers in request.state.ctx.broker.nodes().items()
    }
    return JSONResponse(
        {"ready": ready, **dict(zip(checks, states, strict=True)), **nodes},
        status_code=200 if ready else 503,
        headers={"Cache-Control": "no-store"},
    )


async def _state(name: str, check: Check) -> str:
    # The reason stays in the log: it may tell strangers about the machine.
    try:
        async with asyncio.timeout(PATIENCE):
            await check()
    except Exception as error:
        log.warning("dependency.failed", name=name, error=error)
        return "failing"
    return "ok"
