"""Autobahn|Testsuite against the WebSocket protocol class: `python -m tests.autobahn`."""
