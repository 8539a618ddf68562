-- Questions: messages that want an answer, with their votes and answers.

CREATE TABLE questions (
    room_id         bigint NOT NULL,
    id              uuid NOT NULL,
    broadcast_id    bigint,
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'answered', 'dismissed')),
    votes           integer NOT NULL DEFAULT 0,
    votes_told      integer NOT NULL DEFAULT 0,
    asked_at        timestamptz NOT NULL,
    shown_since     timestamptz,
    answer          text CHECK (char_length(answer) <= 2000),
    answered_by     bigint REFERENCES members,
    answered_at     timestamptz,
    answered_second integer CHECK (answered_second >= 0),
    tokens          tsvector,
    PRIMARY KEY (room_id, id),
    FOREIGN KEY (room_id, id) REFERENCES messages (room_id, id),
    CHECK ((state = 'answered') <= (answered_by IS NOT NULL AND answered_at IS NOT NULL)),
    CHECK (answered_at IS NULL OR answer IS NOT NULL OR answered_second IS NOT NULL)
);
COMMENT ON TABLE questions IS 'A question has the id of its message; who asked and what stands there.';
COMMENT ON COLUMN questions.votes_told IS 'The count that viewers were last told.';
COMMENT ON COLUMN questions.tokens IS 'For the search: those of the question and of its answer.';
COMMENT ON COLUMN questions.shown_since IS 'On the stage now; at most one in a room.';
COMMENT ON COLUMN questions.answered_second IS 'Answered live: the second of the broadcast.';
CREATE INDEX questions_id ON questions (id);
CREATE INDEX questions_popular ON questions (room_id, state, votes DESC, asked_at);
CREATE INDEX questions_untold ON questions (room_id) WHERE votes <> votes_told;
CREATE UNIQUE INDEX questions_on_stage ON questions (room_id) WHERE shown_since IS NOT NULL;

CREATE TABLE question_votes (
    room_id     bigint NOT NULL,
    question_id uuid NOT NULL,
    viewer      text NOT NULL,
    removed     boolean NOT NULL,
    epoch       bigint NOT NULL,
    "offset"    bigint NOT NULL,
    PRIMARY KEY (room_id, question_id, viewer)
);
COMMENT ON COLUMN question_votes.removed IS 'Taken back; the row stays, so that an old entry applied again cannot revive it.';

CREATE VIEW questions_shown AS
SELECT q.room_id, q.id, q.broadcast_id, q.state, q.votes, q.asked_at, q.shown_since,
       m.author, m.author_name, m.author_rank, m.text, m.epoch, m."offset",
       q.answer, 'm' || q.answered_by AS answered_by, a.name AS answered_name,
       a.rank AS answered_rank, q.answered_at, q.answered_second,
       r.slug AS room_slug, r.title AS room_title, r.kind AS room_kind,
       b.title AS broadcast_title, b.started_at AS broadcast_started_at
FROM questions q
JOIN messages m ON m.room_id = q.room_id AND m.id = q.id AND m.state = 'visible'
JOIN rooms r ON r.id = q.room_id
LEFT JOIN members a ON a.id = q.answered_by
LEFT JOIN broadcasts b ON b.id = q.broadcast_id;
COMMENT ON VIEW questions_shown IS 'Questions whose message everybody may read.';
