"""Questions, their votes and their answers."""
