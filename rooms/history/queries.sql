-- insert_guests --
-- Guests become rows with their first message.
INSERT INTO guests (id, name)
SELECT id, name FROM unnest($1::text[], $2::text[]) AS v (id, name)
ON CONFLICT (id) DO NOTHING;

-- release_held --
-- Approved messages take their places.
UPDATE messages m SET state = 'visible', epoch = v.epoch, "offset" = v."offset", at = v.at,
                      tokens = v.tokens::tsvector
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[],
            $6::text[]) AS v (room_id, id, epoch, "offset", at, tokens)
WHERE m.room_id = v.room_id AND m.id = v.id AND m.state = 'held';

-- insert_messages --
-- A run of messages; what is there already stays, and a deleted account left no name.
INSERT INTO messages (room_id, id, broadcast_id, member_id, guest_id, author_name, author_rank,
                      client_message_id, text, reply_to, is_question, epoch, "offset", at, tokens)
SELECT v.room_id, v.id, v.broadcast_id, v.member_id, v.guest_id,
       CASE WHEN gone.id IS NULL THEN v.author_name ELSE '' END, v.author_rank,
       v.client_message_id, v.text, v.reply_to, v.is_question, v.epoch, v."offset", v.at,
       v.tokens::tsvector
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::text[],
            $7::smallint[], $8::text[], $9::text[], $10::uuid[], $11::boolean[], $12::bigint[],
            $13::bigint[], $14::timestamptz[], $15::text[])
     AS v (room_id, id, broadcast_id, member_id, guest_id, author_name, author_rank,
           client_message_id, text, reply_to, is_question, epoch, "offset", at, tokens)
LEFT JOIN members gone ON gone.id = v.member_id AND gone.deleted_at IS NOT NULL
ON CONFLICT DO NOTHING;

-- edit_messages --
-- New texts; of a hidden message too, so that restoring brings the last one back.
UPDATE messages m SET text = v.text, tokens = v.tokens::tsvector, edited_at = v.at,
                      changed_epoch = v.epoch, changed_offset = v."offset"
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::timestamptz[],
            $6::text[], $7::text[]) AS v (room_id, id, epoch, "offset", at, text, tokens)
WHERE m.room_id = v.room_id AND m.id = v.id AND m.state IN ('visible', 'hidden')
  AND (m.changed_epoch, m.changed_offset) < (v.epoch, v."offset");

-- delete_messages --
-- Taken back by their authors: the text is gone.
UPDATE messages m SET state = 'deleted', text = '', tokens = NULL,
                      changed_epoch = v.epoch, changed_offset = v."offset"
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[])
     AS v (room_id, id, epoch, "offset")
WHERE m.room_id = v.room_id AND m.id = v.id AND m.state <> 'deleted'
  AND (m.changed_epoch, m.changed_offset) < (v.epoch, v."offset");

-- hide_messages --
-- Hidden one by one, and not brought back by undoing a purge.
UPDATE messages m SET state = 'hidden', hidden_by_purge = false,
                      changed_epoch = v.epoch, changed_offset = v."offset"
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[])
     AS v (room_id, id, epoch, "offset")
WHERE m.room_id = v.room_id AND m.id = v.id AND m.state IN ('visible', 'hidden')
  AND (m.changed_epoch, m.changed_offset) < (v.epoch, v."offset");

-- restore_messages --
-- Visible again.
UPDATE messages m SET state = 'visible', hidden_by_purge = false,
                      changed_epoch = v.epoch, changed_offset = v."offset"
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[])
     AS v (room_id, id, epoch, "offset")
WHERE m.room_id = v.room_id AND m.id = v.id AND m.state IN ('visible', 'hidden')
  AND (m.changed_epoch, m.changed_offset) < (v.epoch, v."offset");

-- purge --
-- Everything that one person said here before this place.
UPDATE messages SET state = 'hidden', hidden_by_purge = true,
                    changed_epoch = $3, changed_offset = $4
WHERE room_id = $1 AND author = $2 AND state = 'visible'
  AND (epoch, "offset") < ($3, $4) AND (changed_epoch, changed_offset) < ($3, $4);

-- unpurge --
-- What a purge hid, and nothing else.
UPDATE messages SET state = 'visible', hidden_by_purge = false,
                    changed_epoch = $3, changed_offset = $4
WHERE room_id = $1 AND author = $2 AND state = 'hidden' AND hidden_by_purge
  AND (changed_epoch, changed_offset) < ($3, $4);

-- before --
-- The newest messages before a place, or the newest of all.
SELECT * FROM messages_shown
WHERE room_id = $1 AND ($2::bigint IS NULL OR (epoch, "offset") < ($2, $3::bigint))
ORDER BY epoch DESC, "offset" DESC LIMIT $4;

-- after --
-- The oldest messages after a place.
SELECT * FROM messages_shown
WHERE room_id = $1 AND (epoch, "offset") > ($2::bigint, $3::bigint)
ORDER BY epoch, "offset" LIMIT $4;

-- one --
-- One message with a place.
SELECT * FROM messages_shown WHERE room_id = $1 AND id = $2;

-- reactions --
-- Reactions to these messages, and which of them are one's own.
SELECT message_id, kind, count(*) AS count, bool_or(viewer = $3) AS own
FROM reactions WHERE room_id = $1 AND message_id = ANY($2::uuid[]) AND NOT removed
GROUP BY message_id, kind ORDER BY message_id, min((epoch, "offset"));

-- questions --
-- Which of these messages are questions.
SELECT id, votes, state = 'answered' AS answered FROM questions
WHERE room_id = $1 AND id = ANY($2::uuid[]) AND state <> 'dismissed';

-- by_author --
-- What one person said, newest first, in rooms that may be seen.
SELECT m.* FROM messages_shown m
WHERE m.author = $1 AND m.room_id = ANY($2::bigint[]) AND m.state = 'visible'
  AND ($3::timestamptz IS NULL OR m.at < $3)
ORDER BY m.at DESC LIMIT $4;

-- waiting --
-- What one person wrote in a room and a moderator has not seen yet, the oldest first.
SELECT id, author, text, state, is_question, at FROM messages
WHERE room_id = $1 AND author = $2 AND state = 'held' ORDER BY at LIMIT 20;

-- room_of_message --
-- The room and place of a message known by its id alone, for permanent links.
SELECT room_id FROM messages WHERE id = $1 AND "offset" IS NOT NULL;

-- latest --
-- The newest visible message of each of these rooms.
SELECT m.* FROM unnest($1::bigint[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT * FROM messages_shown s
    WHERE s.room_id = wanted.id AND s.state = 'visible'
    ORDER BY s.epoch DESC, s."offset" DESC LIMIT 1
) m;
