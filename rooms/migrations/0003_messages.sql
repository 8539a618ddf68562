-- What was said, and the two tables that keep writing honest: outbox and dead letters.

CREATE TABLE messages (
    room_id           bigint NOT NULL,
    id                uuid NOT NULL,
    broadcast_id      bigint,
    member_id         bigint REFERENCES members,
    guest_id          text REFERENCES guests,
    author            text GENERATED ALWAYS AS (coalesce('m' || member_id::text, guest_id)) STORED,
    author_name       text NOT NULL,
    author_rank       smallint NOT NULL,
    client_message_id text NOT NULL,
    text              text NOT NULL,
    reply_to          uuid,
    is_question       boolean NOT NULL DEFAULT false,
    state             text NOT NULL DEFAULT 'visible'
                      CHECK (state IN ('visible', 'held', 'rejected', 'hidden', 'deleted')),
    epoch             bigint,
    "offset"          bigint,
    edited_at         timestamptz,
    changed_epoch     bigint NOT NULL DEFAULT 0,
    changed_offset    bigint NOT NULL DEFAULT 0,
    at                timestamptz NOT NULL,
    hidden_by_purge   boolean NOT NULL DEFAULT false,
    tokens            tsvector,
    PRIMARY KEY (room_id, id),
    UNIQUE (room_id, author, client_message_id),
    CHECK (num_nonnulls(member_id, guest_id) = 1),
    CHECK ((epoch IS NULL) = ("offset" IS NULL)),
    CHECK (state IN ('held', 'rejected') OR "offset" IS NOT NULL)
);
COMMENT ON COLUMN messages."offset" IS 'The place in the room; a held message has none until it is approved.';
COMMENT ON COLUMN messages.changed_offset IS 'The place of the last applied edit, hiding or restoring; an earlier one does nothing.';
COMMENT ON COLUMN messages.state IS 'hidden: by a moderator; deleted: by the author; the text of a deleted message is emptied.';
CREATE INDEX messages_order ON messages (room_id, epoch, "offset");
CREATE INDEX messages_author ON messages (author, at);

CREATE TABLE reactions (
    room_id    bigint NOT NULL,
    message_id uuid NOT NULL,
    viewer     text NOT NULL,
    kind       text NOT NULL,
    removed    boolean NOT NULL,
    epoch      bigint NOT NULL,
    "offset"   bigint NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (room_id, message_id, viewer, kind)
);
COMMENT ON COLUMN reactions.removed IS 'Taken back; the row stays, so that an old entry applied again cannot revive it.';

CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL,
    lane       text NOT NULL,
    payload    bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    tries      integer NOT NULL DEFAULT 0,
    last_error text
);
COMMENT ON TABLE outbox IS 'Written with the change it announces; published at once after the commit, swept when that failed.';
COMMENT ON COLUMN outbox.lane IS 'Rows of one lane are carried out one after another, in the order of their ids.';
CREATE INDEX outbox_lane ON outbox (lane, id);

CREATE TABLE dead_letters (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition smallint NOT NULL,
    entry_id  text NOT NULL,
    channel   text NOT NULL,
    payload   bytea NOT NULL,
    private   bytea NOT NULL,
    error     text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (partition, entry_id)
);
COMMENT ON TABLE dead_letters IS 'Entries of the persistence log that could not be applied, with the error.';

CREATE TABLE stream_owners (
    partition smallint PRIMARY KEY,
    owner     text NOT NULL,
    applied   text[] NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE stream_owners IS 'Which worker may apply a partition of the log: one that was frozen finds another name here.';
COMMENT ON COLUMN stream_owners.applied IS 'The entries of the last batch, which may be committed and not yet acknowledged.';

CREATE VIEW messages_shown AS
SELECT m.room_id, m.id, m.broadcast_id, m.author, m.author_name, m.author_rank,
       m.client_message_id, CASE WHEN m.state = 'visible' THEN m.text END AS text,
       m.reply_to, r.author_name AS reply_name,
       CASE WHEN r.state = 'visible' THEN r.text END AS reply_text,
       m.is_question, m.state, m.epoch, m."offset", m.edited_at, m.at
FROM messages m LEFT JOIN messages r ON r.room_id = m.room_id AND r.id = m.reply_to
WHERE m."offset" IS NOT NULL;
COMMENT ON VIEW messages_shown IS 'Messages with a place; the text only of those that are visible.';

CREATE VIEW rooms_now AS
SELECT r.*, b.id AS broadcast_id, b.title AS broadcast_title, b.about AS broadcast_about,
       b.host_id, b.host_name, b.state, b.video_kind, b.video_url, b.poster_url, b.upright,
       b.starts_at, b.started_at, b.ended_at,
       p.id AS pinned_id, p.author AS pinned_author, p.author_name AS pinned_name,
       p.author_rank AS pinned_rank, p.text AS pinned_text
FROM rooms r
LEFT JOIN messages p ON p.room_id = r.id AND p.id = r.pinned AND p.state = 'visible'
LEFT JOIN LATERAL (
    SELECT * FROM broadcasts_shown s
    WHERE s.room_id = r.id
      AND (s.state <> 'scheduled' OR s.starts_at > now() - interval '12 hours')
    ORDER BY array_position('{live,scheduled,ended}', s.state),
             CASE WHEN s.state = 'scheduled' THEN s.starts_at END, s.ended_at DESC, s.id
    LIMIT 1
) b ON true;
COMMENT ON VIEW rooms_now IS 'Rooms with the broadcast that is on, else the next (one forgotten for 12 hours is not to come), else the last.';
