"""What people see, and where the application is put together.

`commands` lists every live command, `routes` every URL, `events` every push; `cli` starts all.
May import: rooms, moderation, server.
Start with `app.create_app`.
"""
