"""A broadcast that sells: rundown, pins, flash sales, what the room is told of purchases."""
