"""Everything that happens in a room: comments, reactions, history, questions, broadcasts, search.

Every feature folder has the same files: rules (pure), actions (all that writes), reads, queries.sql.
May import: moderation, server. Features never call each other; `worker` lists all effects.
Start with `rules` (what a room is) and `access` (who may do what in it).
"""
