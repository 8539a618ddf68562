"""picows with a loop over its transports, under uvloop where it is installed."""

# mypy: ignore-errors

import sys

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

try:
    from uvloop import run
except ImportError:
    from asyncio import run

transports: set[WSTransport] = set()


class Viewer(WSListener):
    """Sends every text to everybody."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        transports.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        transports.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            text = frame.get_payload_as_bytes()
            for each in transports:
                each.send(WSMsgType.TEXT, text)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()


async def main() -> None:
    """Serve until the process ends."""
    port = int(sys.argv[1])
    server = await ws_create_server(lambda _: Viewer(), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    run(main())
