"""A gateway in a process of its own, which a test may kill: `lone_gateway REDIS_URL PORT`."""

from __future__ import annotations

import asyncio
import sys

import uvloop

from tests.integration.towns import town


async def main() -> None:
    """Serve until killed."""
    async with town(sys.argv[1], port=int(sys.argv[2])):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
