"""The load side in C, so that it is not the bottleneck of what it measures.

`client.c` opens and counts connections, `yardstick.c` is what everything is compared with; both
are built on the spot. May import: the rest of loadtest.
Start with `client.py`; the head of `client.c` has its options and commands.
"""
