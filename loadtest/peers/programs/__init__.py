"""Servers of others, each a few lines that send every text they are told to everybody.

They run in whatever Python or Node.js has the library, never in ours.
May import: nothing of Hiroba.
Start with `starlette_app`.
"""
