"""uvicorn's HTTP protocol with bounded heads, which hands a WebSocket all of its bytes."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.handshake import MAX_HEAD, Refusal
from server.websocket import LINGER_SECONDS

HEAD_SECONDS = 10.0
"""How long a client may take to send the head of a request."""


class _HeadTooLarge(Exception):
    """Stops the parser inside a head."""


class HttpProtocol(HttpToolsProtocol):
    """HTTP until an upgrade.

    uvicorn drops what follows an upgrade's head in the same read, so a frame that was sent
    without waiting for the answer would be lost; and it bounds neither the size nor the time of
    a head, so a slow or endless one would hold its connection for ever.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Be made by uvicorn."""
        super().__init__(*args, **kwargs)
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_size = 0
        self._head_begun = False
        self._deaf = False
        """What comes is thrown away: the connection ends with the answer under way."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport and expect a head."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that the transport ended."""
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and pass the rest on when it is an upgrade."""
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        in_head = self._head_begun
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            if self._head_size > MAX_HEAD:
                self._refuse_head()
            else:
                self._refuse(Refusal.of(400, "malformed", "This is not a request of HTTP."))
        else:
            # The parser reports a header when it is whole, so an endless one is seen only here.
            if in_head and self._head_begun:
                self._head_size += len(data)
                if self._head_size > MAX_HEAD:
                    self._refuse_head()

    def on_message_begin(self) -> None:
        """Expect the rest of a head."""
        super().on_message_begin()
        self._head_size = 0
        self._head_begun = True
        self._expect_head()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request's target."""
        self._grow_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._grow_head(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Have a whole head."""
        self._end_head()
        super().on_headers_complete()

    def _upgrade(self, rest: bytes) -> None:
        if not self._should_upgrade():
            self._unsupported_upgrade_warning()
        elif self._answering():
            # Answers go out in order, and the one under way ends the connection.
            self._end_after_answer()
        else:
            self._end_head()
            self.handle_websocket_upgrade()
            if rest:
                cast(asyncio.Protocol, self.transport.get_protocol()).data_received(rest)

    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _end_after_answer(self) -> None:
        self._deaf = True
        self.cycle.keep_alive = False

    def _grow_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD:
            raise _HeadTooLarge

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _end_head(self) -> None:
        self._head_begun = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._head_begun:
            self._refuse(Refusal.of(408, "expired", "The request took too long to arrive."))
        elif not self.transport.is_closing():
            self.transport.close()

    def _refuse_head(self) -> None:
        self._refuse(
            Refusal.of(431, "too_large", f"The head of a request has at most {MAX_HEAD} bytes.")
        )

    def _refuse(self, refusal: Refusal) -> None:
        """Answer and end; what the client still sends is thrown away, so no reset overtakes it."""
        self._end_head()
        if self._answering():
            self._end_after_answer()
        elif not self.transport.is_closing():
            self._deaf = True
            self.transport.write(refusal.encode())
            self.transport.write_eof()
            self._head_timer = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
