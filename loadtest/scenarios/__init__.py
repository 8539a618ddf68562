"""What load tests do, one module each: prepare, run, check, report.

May import: the rest of loadtest, server.client.
Start with `replay`.
"""
