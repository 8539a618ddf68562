"""Judges what may be said and by whom, and undoes what should not have been said.

It judges a `Draft`, not a comment, so it needs no knowledge of rooms.
May import: server.
Start with `rules` (pure: Draft, Standing, Verdict), then `actions`.
"""
