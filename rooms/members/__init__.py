"""Who takes part: signing up and in, sessions, tokens, roles, one-time links, export and deletion."""
