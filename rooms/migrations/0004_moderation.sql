-- Who may not speak and why, what is filtered, what waits for review, and the log of every decision.

CREATE TABLE address_key (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    key    bytea NOT NULL CHECK (length(key) = 32)
);
COMMENT ON TABLE address_key IS 'The key of address hashes: another one would free every sanctioned address.';

INSERT INTO address_key (key)
SELECT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');

CREATE TABLE guest_addresses (
    guest_id     text NOT NULL,
    address_hash bytea NOT NULL,
    seen_at      timestamptz NOT NULL,
    PRIMARY KEY (guest_id, address_hash)
);
COMMENT ON TABLE guest_addresses IS 'From where guests wrote, as keyed hashes of address prefixes; kept for 30 days.';
CREATE INDEX guest_addresses_seen ON guest_addresses (seen_at);

CREATE TABLE sanctions (
    id          uuid PRIMARY KEY,
    person      text NOT NULL CHECK (person ~ '^(m[0-9]+|g[A-Za-z0-9_-]{16})$'),
    person_name text NOT NULL,
    room_id     bigint REFERENCES rooms,
    kind        text NOT NULL CHECK (kind IN ('mute', 'ban', 'shadow')),
    reason      text NOT NULL DEFAULT '',
    until       timestamptz,
    by_id       text NOT NULL,
    by_name     text NOT NULL,
    at          timestamptz NOT NULL,
    revoked_at  timestamptz,
    changed_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN sanctions.room_id IS 'Null: everywhere.';
COMMENT ON COLUMN sanctions.until IS 'Null: for good.';
COMMENT ON COLUMN sanctions.changed_at IS 'By the clock of the database: what a process has not read yet.';
CREATE INDEX sanctions_person ON sanctions (person, at);
CREATE INDEX sanctions_active ON sanctions ((coalesce(until, 'infinity'::timestamptz)), room_id)
    WHERE revoked_at IS NULL;
CREATE INDEX sanctions_changed ON sanctions (changed_at);

CREATE TABLE sanction_addresses (
    sanction_id  uuid NOT NULL REFERENCES sanctions ON DELETE CASCADE,
    address_hash bytea NOT NULL,
    PRIMARY KEY (sanction_id, address_hash)
);
COMMENT ON TABLE sanction_addresses IS 'A guest''s address prefix inherits the sanction, so that a new name does not undo it.';

CREATE TABLE word_filters (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    word       text NOT NULL CHECK (char_length(word) BETWEEN 1 AND 60),
    word_key   text NOT NULL UNIQUE,
    action     text NOT NULL CHECK (action IN ('hold', 'reject', 'allow')),
    language   text NOT NULL DEFAULT '',
    added_by   text NOT NULL,
    added_name text NOT NULL,
    added_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN word_filters.word_key IS 'The word folded: one spelling of a word is listed once.';
COMMENT ON COLUMN word_filters.action IS 'allow: takes back a shorter word within this one.';

CREATE TABLE reviews (
    id            uuid PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('post', 'edit')),
    room_id       bigint NOT NULL REFERENCES rooms,
    message_id    uuid NOT NULL,
    author        text NOT NULL,
    author_name   text NOT NULL,
    author_rank   smallint NOT NULL,
    text          text NOT NULL,
    rule          text NOT NULL,
    word          text NOT NULL,
    spans         jsonb NOT NULL,
    silent        boolean NOT NULL,
    release       bytea NOT NULL,
    held_at       timestamptz NOT NULL,
    claimed_by    text,
    claimed_name  text,
    claimed_at    timestamptz,
    decision      text CHECK (decision IN ('approved', 'rejected', 'withdrawn', 'purged')),
    decided_by    text,
    decided_name  text,
    decided_at    timestamptz,
    CHECK ((decision IS NULL) = (decided_at IS NULL))
);
COMMENT ON TABLE reviews IS 'What waits, or waited, for a moderator: a new message, or an edit of a visible one.';
COMMENT ON COLUMN reviews.release IS 'The publication that approval carries out.';
COMMENT ON COLUMN reviews.silent IS 'Shadow banned: the author believes it published.';
CREATE INDEX reviews_waiting ON reviews (room_id, held_at) WHERE decision IS NULL;
CREATE INDEX reviews_author ON reviews (author) WHERE decision IS NULL;

CREATE TABLE reports (
    room_id     bigint NOT NULL REFERENCES rooms,
    message_id  uuid NOT NULL,
    reporter    text NOT NULL,
    reason      text NOT NULL CHECK (reason IN ('spam', 'abuse', 'scam', 'privacy', 'other')),
    note        text NOT NULL DEFAULT '' CHECK (char_length(note) <= 300),
    author      text NOT NULL,
    author_name text NOT NULL,
    text        text NOT NULL,
    at          timestamptz NOT NULL,
    outcome     text CHECK (outcome IN ('acted', 'dismissed')),
    resolved_by text,
    resolved_name text,
    resolved_at timestamptz,
    PRIMARY KEY (room_id, message_id, reporter),
    CHECK ((outcome IS NULL) = (resolved_at IS NULL))
);
COMMENT ON TABLE reports IS 'One row for a reporter and a message; the text as it was reported.';
CREATE INDEX reports_open ON reports (room_id, at) WHERE outcome IS NULL;
CREATE INDEX reports_author ON reports (author, at);
CREATE INDEX reports_reporter ON reports (reporter, at);

CREATE TABLE person_notes (
    id         uuid PRIMARY KEY,
    person     text NOT NULL,
    text       text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 300),
    by_id      text NOT NULL,
    by_name    text NOT NULL,
    at         timestamptz NOT NULL,
    removed_at timestamptz
);
CREATE INDEX person_notes_person ON person_notes (person, at) WHERE removed_at IS NULL;

CREATE TABLE audit_log (
    id          uuid PRIMARY KEY,
    at          timestamptz NOT NULL,
    actor       text NOT NULL,
    actor_name  text NOT NULL,
    actor_rank  smallint NOT NULL,
    action      text NOT NULL,
    person      text,
    person_name text,
    room_id     bigint REFERENCES rooms,
    message_id  uuid,
    text        text,
    reason      text NOT NULL DEFAULT '',
    details     jsonb NOT NULL DEFAULT '{}',
    undone_by   uuid,
    undone_name text
);
COMMENT ON TABLE audit_log IS 'Every act of a moderator, with its reason and the text it was about; rows are never removed.';
COMMENT ON COLUMN audit_log.undone_by IS 'The row that took this one back.';
CREATE INDEX audit_log_at ON audit_log (at, id);
CREATE INDEX audit_log_room ON audit_log (room_id, at, id);
CREATE INDEX audit_log_actor ON audit_log (actor, at, id);
CREATE INDEX audit_log_person ON audit_log (person, at, id);
CREATE INDEX audit_log_message ON audit_log (message_id) WHERE message_id IS NOT NULL;
