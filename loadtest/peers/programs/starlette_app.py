"""Starlette under uvicorn as most people write it: a loop of `await socket.send_bytes`."""

# mypy: ignore-errors

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

sockets: set[WebSocket] = set()


async def live(socket: WebSocket) -> None:
    """Send every text to everybody."""
    await socket.accept()
    sockets.add(socket)
    try:
        while True:
            text = await socket.receive_text()
            for each in list(sockets):
                await each.send_bytes(text.encode())
    except WebSocketDisconnect:
        sockets.discard(socket)


app = Starlette(routes=[WebSocketRoute("/", live)])

if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        log_level="warning",
        ws_per_message_deflate="no-deflate" not in sys.argv,
    )
