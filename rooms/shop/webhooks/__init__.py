"""The shop behind it: signed events out, signed events in, each once."""
