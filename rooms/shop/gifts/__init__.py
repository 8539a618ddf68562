"""Coupons with a cap on claims, and giveaways with a draw that anyone can verify."""
