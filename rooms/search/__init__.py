"""Finds what was said: tokens, candidates, ranking."""
