-- message --
-- What has to be known of a message before it is changed or answered.
SELECT author, author_name, author_rank, text, at, state, place.epoch, place."offset"
FROM messages CROSS JOIN LATERAL (
    SELECT * FROM (VALUES (epoch, "offset"), (changed_epoch, changed_offset)) AS v (epoch, "offset")
    WHERE v.epoch IS NOT NULL ORDER BY v.epoch DESC, v."offset" DESC LIMIT 1
) place
WHERE room_id = $1 AND id = $2;

-- hold_guest --
-- The row of a guest whose first message is held.
INSERT INTO guests (id, name) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING;

-- hold --
-- A message that waits for a moderator: without a place; none comes back for a repetition.
INSERT INTO messages (room_id, id, broadcast_id, member_id, guest_id, author_name, author_rank,
                      client_message_id, text, reply_to, is_question, state, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'held', $12)
ON CONFLICT DO NOTHING
RETURNING id;

-- repeated --
-- What an earlier try with the same client_message_id became.
SELECT id, text, reply_to, is_question, state, epoch, "offset", at FROM messages
WHERE room_id = $1 AND author = $2 AND client_message_id = $3;

-- answers --
-- What was posted above a place lately and says still what it said then, newest first; the newest
-- are taken before they are looked at, for in an old room none of a million may be late enough.
SELECT author, client_message_id, text, reply_to, is_question, epoch, "offset", at, id
FROM (SELECT * FROM messages WHERE room_id = $1 AND (epoch, "offset") > ($2, $3)
      ORDER BY epoch DESC, "offset" DESC LIMIT $5) AS newest
WHERE at > $4 AND state IN ('visible', 'hidden') AND edited_at IS NULL
ORDER BY epoch DESC, "offset" DESC;

-- withdraw --
-- The author takes back what is still held.
UPDATE messages SET state = 'rejected', text = '' WHERE room_id = $1 AND id = $2 AND state = 'held';

-- pin --
-- The message that stands above the others, or none; gives the one before.
UPDATE rooms r SET pinned = $2 FROM (SELECT pinned FROM rooms WHERE id = $1 FOR UPDATE) was
WHERE r.id = $1 RETURNING was.pinned;

-- members_named --
-- Members by their folded names.
SELECT id FROM members WHERE name_key = ANY($1::text[]) AND deleted_at IS NULL;
