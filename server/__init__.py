"""The engine: moves publications between sockets, and never learns the product.

It knows gates, not reasons: denied until, minimum rank, cooldown, rate, backlog.
May import: nothing of the other packages.
Start with `protocol` (the wire), then `hub` (fan-out) and `broker` (between processes).
"""
