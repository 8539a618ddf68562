"""Finds what was said: tokens, candidates from PostgreSQL, exact ranking, marks.

Pure: rules, tokens, encode, query, rank, marks. `reads.search` puts them together.
May import: server, and the other modules at the root of rooms.
"""
