"""The HTTP API under /v1: one table, from which routes and the OpenAPI document are made.

May import: web, rooms, moderation, server.
Start with `endpoints`.
"""
