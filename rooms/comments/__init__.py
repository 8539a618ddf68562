"""Comments under a broadcast and messages in a topic room: post, edit, delete, react."""
