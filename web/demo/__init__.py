"""The demo community: a small cosmetics shop that is on air when somebody tries Hiroba.

It speaks to the product as anybody would: actions set it up once, then its people talk live.
May import: everything below web, and server.client.
Start with `community` (who and what), then `seed` and `people`.
"""
