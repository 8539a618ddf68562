"""Broadcasts in live rooms: scheduled, live, ended."""
