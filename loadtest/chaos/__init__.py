"""Breaks a Hiroba on purpose, records what everybody saw, and checks the record afterwards.

May import: the rest of loadtest, server.client.
Start with `stage.py` and one of the scenarios; `checker.py` says what must hold.
"""
