"""Questions, their votes and their answers. A question has the id of the message that asks it."""
