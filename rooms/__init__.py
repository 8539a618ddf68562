"""Everything that happens in a room: comments, reactions, history, questions, broadcasts, search.

A feature folder has: rules (pure), actions (the only code that writes), reads, queries.sql.
May import: moderation, server. Features never call each other; `worker` lists all effects.
Start with `rules` (what a room is) and `access` (who may do what in it).
"""
