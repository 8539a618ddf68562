-- Search over what was said, asked and answered; the tokens are made by rooms/search/tokens.py.

ALTER TABLE messages ALTER COLUMN tokens SET STATISTICS 1000;
ALTER TABLE questions ALTER COLUMN tokens SET STATISTICS 1000;
CREATE INDEX messages_tokens ON messages USING gin (tokens)
    WITH (fastupdate = on, gin_pending_list_limit = 4096);
CREATE INDEX questions_tokens ON questions USING gin (tokens)
    WITH (fastupdate = on, gin_pending_list_limit = 4096);
