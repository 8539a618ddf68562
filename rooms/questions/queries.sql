-- ask --
-- Make questions of saved messages that are none yet. $1 rooms, $2 ids.
INSERT INTO questions (room_id, id, broadcast_id, asked_at)
SELECT m.room_id, m.id, m.broadcast_id, m.at
FROM unnest($1::bigint[], $2::uuid[]) AS wanted (room_id, id)
JOIN messages m USING (room_id, id)
WHERE m.state = 'visible'
ON CONFLICT DO NOTHING
RETURNING room_id, id;

-- flag_message --
-- Say on the message that it is a question. $1 room, $2 id, $3 whether.
UPDATE messages SET is_question = $3 WHERE room_id = $1 AND id = $2;

-- question --
-- One question that everybody may see. $1 id.
SELECT * FROM questions_shown WHERE id = $1;

-- lock --
-- Hold a question while it changes. $1 room, $2 id.
SELECT state, shown_since IS NOT NULL AS shown FROM questions WHERE room_id = $1 AND id = $2 FOR UPDATE;

-- broadcast_on --
-- When the broadcast that is on in a room began. $1 room.
SELECT id, started_at FROM broadcasts WHERE room_id = $1 AND state = 'live';

-- answer --
-- Store an answer; one part stays when only the other is given.
-- $1 room, $2 id, $3 text or null, $4 second or null, $5 member.
UPDATE questions
SET state = 'answered', answer = coalesce($3, answer),
    answered_second = coalesce($4, answered_second), answered_by = $5,
    answered_at = now(), shown_since = NULL
WHERE room_id = $1 AND id = $2;

-- set_state --
-- Dismiss a question or take it up again. $1 room, $2 id, $3 state.
UPDATE questions SET state = $3, shown_since = NULL WHERE room_id = $1 AND id = $2;

-- take_off --
-- Take whatever question is on the stage off it. $1 room.
UPDATE questions SET shown_since = NULL WHERE room_id = $1 AND shown_since IS NOT NULL;

-- show --
-- Put a question on the stage. $1 room, $2 id.
UPDATE questions SET shown_since = now()
WHERE room_id = $1 AND id = $2 AND state <> 'dismissed';

-- popular --
-- Open questions, most votes first. $1 room, $2 limit, $3 skip.
SELECT * FROM questions_shown WHERE room_id = $1 AND state = 'open'
ORDER BY shown_since NULLS LAST, votes DESC, asked_at, id LIMIT $2 OFFSET $3;

-- new --
-- Open questions, newest first. $1 room, $2 limit, $3 skip.
SELECT * FROM questions_shown WHERE room_id = $1 AND state = 'open'
ORDER BY asked_at DESC, id LIMIT $2 OFFSET $3;

-- answered --
-- Answered questions, the last answer first. $1 room, $2 limit, $3 skip.
SELECT * FROM questions_shown WHERE room_id = $1 AND state = 'answered'
ORDER BY answered_at DESC, id LIMIT $2 OFFSET $3;

-- of_broadcast --
-- Answered questions of a broadcast, in the order of the recording. $1 broadcast.
SELECT * FROM questions_shown WHERE broadcast_id = $1 AND state = 'answered'
ORDER BY answered_second NULLS LAST, answered_at, id LIMIT 200;

-- across --
-- Questions of several rooms, open or answered; most votes first. $1 rooms, $2 state, $3 limit, $4 skip.
SELECT * FROM questions_shown WHERE room_id = ANY ($1::bigint[]) AND state = $2
ORDER BY votes DESC, asked_at DESC, id LIMIT $3 OFFSET $4;

-- counts --
-- How many questions of a room are open and answered. $1 room.
SELECT count(*) FILTER (WHERE state = 'open') AS open,
       count(*) FILTER (WHERE state = 'answered') AS answered
FROM questions_shown WHERE room_id = $1;

-- voted --
-- Which of these questions a viewer voted for. $1 room, $2 viewer.
SELECT question_id FROM question_votes WHERE room_id = $1 AND viewer = $2 AND NOT removed;

-- exists --
-- Whether a question can be voted for. $1 room, $2 id.
SELECT EXISTS (SELECT FROM questions_shown WHERE room_id = $1 AND id = $2 AND state <> 'dismissed');

-- save_votes --
-- Store votes, an older one never over a newer. $1 rooms … $6 offsets.
INSERT INTO question_votes AS v (room_id, question_id, viewer, removed, epoch, "offset")
SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::boolean[], $5::bigint[], $6::bigint[])
ON CONFLICT (room_id, question_id, viewer) DO UPDATE
SET removed = excluded.removed, epoch = excluded.epoch, "offset" = excluded."offset"
WHERE (v.epoch, v."offset") < (excluded.epoch, excluded."offset");

-- count_votes --
-- Count the votes of the questions that were just voted for. $1 rooms, $2 ids.
UPDATE questions q SET votes = n.votes
FROM (
    SELECT w.room_id, w.id, count(v.viewer) FILTER (WHERE NOT v.removed) AS votes
    FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::uuid[]) AS u (room_id, id)) w
    LEFT JOIN question_votes v ON v.room_id = w.room_id AND v.question_id = w.id
    GROUP BY w.room_id, w.id
) n
WHERE q.room_id = n.room_id AND q.id = n.id AND q.votes <> n.votes;

-- untold --
-- Counts that viewers were not told yet, marked as told.
UPDATE questions SET votes_told = votes WHERE votes <> votes_told RETURNING room_id, id, votes;
