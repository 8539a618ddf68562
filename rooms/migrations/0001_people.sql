-- Who takes part: members, guests, their sessions, and what the community decided about itself.

CREATE TABLE secrets (
    id         smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    secret     bytea NOT NULL CHECK (length(secret) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
);
COMMENT ON TABLE secrets IS 'Keys that sign tokens; the newest signs, a retired one is accepted for a day.';

INSERT INTO secrets (secret)
SELECT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');

CREATE TABLE settings (
    name       text PRIMARY KEY,
    value      jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE settings IS 'What the owner decided: community name, accent, languages, who may join, page texts.';

CREATE TABLE members (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 40),
    name_key        text NOT NULL,
    password_hash   text,
    rank            smallint NOT NULL DEFAULT 20,
    session_version integer NOT NULL DEFAULT 1,
    language        text NOT NULL DEFAULT 'en',
    about           text NOT NULL DEFAULT '' CHECK (char_length(about) <= 500),
    is_demo         boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz
);
COMMENT ON COLUMN members.name_key IS 'The name folded so that look-alikes collide; unique among those who are not deleted.';
CREATE UNIQUE INDEX members_name_key ON members (name_key) WHERE deleted_at IS NULL;

CREATE TABLE guests (
    id         text PRIMARY KEY CHECK (id ~ '^g[A-Za-z0-9_-]{16}$'),
    name       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE guests IS 'A guest gets a row when the first message is persisted.';

CREATE TABLE sessions (
    token_hash bytea PRIMARY KEY,
    member_id  bigint NOT NULL REFERENCES members ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    user_agent text NOT NULL DEFAULT ''
);
CREATE INDEX sessions_member ON sessions (member_id);

CREATE TABLE one_time_links (
    token_hash bytea PRIMARY KEY,
    purpose    text NOT NULL CHECK (purpose IN ('setup', 'reset')),
    member_id  bigint REFERENCES members ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
