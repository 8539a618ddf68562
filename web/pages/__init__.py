"""Server-rendered pages, one module a page; each exports its `routes`.

May import: web, rooms, moderation, server.
Start with `rendering.render`.
"""

from web.pages.rendering import render

__all__ = ["render"]
