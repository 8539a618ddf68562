"""Selling on the stream: products, stock, orders, what happens around them in a show.

May import rooms' root, moderation and server, never another feature. Inside, the imports go one
way: web → spoken | gifts | show | webhooks → orders → stock → catalogue → rules.
Start at `rules.py`, then `stock/actions.py`, where a reservation is made.
"""
