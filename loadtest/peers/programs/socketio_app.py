"""python-socketio under uvicorn."""

# mypy: ignore-errors

import sys

import socketio
import uvicorn

server = socketio.AsyncServer(async_mode="asgi")


@server.event
async def say(sid: str, text: str) -> None:
    """Send every text to everybody."""
    await server.emit("said", text)


if __name__ == "__main__":
    uvicorn.run(
        socketio.ASGIApp(server),
        port=int(sys.argv[1]),
        log_level="warning",
        ws_per_message_deflate=False,
    )
