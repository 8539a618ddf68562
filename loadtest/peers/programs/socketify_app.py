"""socketify, which is uWebSockets for Python, with its own publish and subscribe."""

# mypy: ignore-errors

import sys

from socketify import App, AppListenOptions, OpCode

app = App()
app.ws(
    "/",
    {
        "idle_timeout": 960,
        "max_backpressure": 16 * 1024 * 1024,
        "open": lambda socket: socket.subscribe("room"),
        "message": lambda socket, text, opcode: app.publish("room", text, OpCode.TEXT),
    },
)

if __name__ == "__main__":
    app.listen(AppListenOptions(port=int(sys.argv[1]), host="127.0.0.1"), lambda config: None)
    app.run()
