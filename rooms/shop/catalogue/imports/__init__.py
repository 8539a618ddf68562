"""Products from files of other shops and of this one: read, planned, shown, confirmed; exported.

May import the catalogue above it, never stock or orders. What is read is never trusted: sizes are
bounded, nothing is guessed, and nothing is written before somebody confirmed what was shown.
Start at `actions.py`.
"""
