"""The command line `hiroba`: starts, stops, configures and checks the project.

`main` holds the commands, `serve` the supervisor with its children, the rest one command each.
May import: everything of web, rooms, moderation, server.
Start with `main`.
"""
