"""What was said in a room, page by page, from Postgres."""
