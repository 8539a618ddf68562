"""A sale under load: buyers of every kind, the shop that is paid, and what has to be true."""
