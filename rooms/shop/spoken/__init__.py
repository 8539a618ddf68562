"""Comments that mean to buy: the parser, and carrying them out in order."""
