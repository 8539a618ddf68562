"""Who takes part: joining, sessions, tokens, roles, one-time links, export and deletion."""
