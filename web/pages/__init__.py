"""Server-rendered pages, one module a page."""
