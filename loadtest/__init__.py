"""Puts real load on a running Hiroba and checks what came out.

It speaks only the protocol, through `server.client`.
May import: server.client.
Start with `python -m loadtest --help`.
"""
