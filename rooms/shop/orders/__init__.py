"""Orders: what Postgres decided about reservations, and what became of them."""
