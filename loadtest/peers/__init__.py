"""Other servers of WebSockets, put to the same work as Hiroba and the C yardstick in one run.

It finds what is installed, fetches nothing, and names what is missing.
May import: the rest of loadtest, server.client.
Start with `catalogue`; `python -m loadtest peers` runs it.
"""
