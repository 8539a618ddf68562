-- Rooms and the broadcasts that are shown in live rooms.

CREATE TABLE rooms (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('live', 'topic', 'direct')),
    slug        text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    title       text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 120),
    about       text NOT NULL DEFAULT '' CHECK (char_length(about) <= 2000),
    visibility  text NOT NULL DEFAULT 'public' CHECK (visibility IN ('public', 'members', 'staff')),
    min_rank    smallint NOT NULL DEFAULT 10,
    cooldown_ms integer NOT NULL DEFAULT 0 CHECK (cooldown_ms BETWEEN 0 AND 3600000),
    pinned      uuid,
    created_by  bigint REFERENCES members,
    created_at  timestamptz NOT NULL DEFAULT now(),
    closed_at   timestamptz
);
COMMENT ON COLUMN rooms.visibility IS 'Who may read: everybody, members, staff.';
COMMENT ON COLUMN rooms.min_rank IS 'Who may write: the room mode (guests 10, members 20, staff 40).';
COMMENT ON COLUMN rooms.pinned IS 'The message that stands above the others, while it is visible.';

CREATE TABLE broadcasts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room_id      bigint NOT NULL REFERENCES rooms,
    title        text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 120),
    about        text NOT NULL DEFAULT '' CHECK (char_length(about) <= 2000),
    host_id      bigint NOT NULL REFERENCES members,
    state        text NOT NULL DEFAULT 'scheduled' CHECK (state IN ('scheduled', 'live', 'ended')),
    video_kind   text NOT NULL CHECK (video_kind IN ('hls', 'embed', 'file')),
    video_url    text NOT NULL,
    poster_url   text NOT NULL DEFAULT '',
    upright      boolean NOT NULL DEFAULT true,
    starts_at    timestamptz NOT NULL,
    started_at   timestamptz,
    ended_at     timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((state = 'scheduled') = (started_at IS NULL)),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL))
);
COMMENT ON COLUMN broadcasts.upright IS 'A 9:16 picture; otherwise 16:9.';
CREATE UNIQUE INDEX broadcasts_one_live ON broadcasts (room_id) WHERE state = 'live';
CREATE INDEX broadcasts_room ON broadcasts (room_id, starts_at);

CREATE VIEW broadcasts_shown AS
SELECT b.*, h.name AS host_name, r.slug AS room_slug, r.title AS room_title
FROM broadcasts b JOIN members h ON h.id = b.host_id JOIN rooms r ON r.id = b.room_id;
