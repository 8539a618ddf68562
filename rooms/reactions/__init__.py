"""Hearts in live rooms, and reactions to single messages in topic rooms."""
