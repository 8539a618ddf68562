-- codes --
-- What can be bought by comment in rooms whose broadcast is on: in the rundown or pinned, with a
-- code. $1 rooms.
SELECT n.id AS room_id, p.id, p.code,
       (SELECT jsonb_agg(jsonb_build_array(v.id, v.code) ORDER BY v.place, v.id)
        FROM variants v WHERE v.product_id = p.id AND v.removed_at IS NULL) AS variants
FROM rooms_now n
CROSS JOIN LATERAL (
    SELECT e.product_id FROM rundown e WHERE e.broadcast_id = n.broadcast_id
    UNION
    SELECT i.product_id FROM product_pins i WHERE i.room_id = n.id AND i.unpinned_at IS NULL
) shown
JOIN products p ON p.id = shown.product_id AND p.code IS NOT NULL AND p.archived_at IS NULL
WHERE n.id = ANY ($1::bigint[]) AND n.kind = 'live' AND n.state = 'live'
ORDER BY n.id, p.id;

-- keep --
-- What was heard, in the order of the log; once for each comment. $1 rows.
INSERT INTO spoken_orders (message_id, room_id, person, name, epoch, "offset", product_id,
                           variant_id, quantity, question, at)
SELECT message_id, room_id, person, name, epoch, "offset", product_id, variant_id, quantity,
       question, to_timestamp(at / 1000.0)
FROM jsonb_to_recordset($1) AS e (message_id uuid, room_id bigint, person text, name text,
    epoch bigint, "offset" bigint, product_id bigint, variant_id bigint, quantity integer,
    question text, at bigint)
ON CONFLICT (message_id) DO NOTHING;

-- waiting_rooms --
-- Rooms in which something is to be carried out.
SELECT DISTINCT room_id FROM spoken_orders WHERE done_at IS NULL ORDER BY room_id LIMIT 100;

-- alone --
-- Whether nobody else carries out what was said in a room, until the transaction ends. $1 room.
SELECT pg_try_advisory_xact_lock(hashtextextended('spoken ' || $1, 0));

-- open --
-- What was said first in a room and is not carried out; its comment as it is now. $1 room, $2 limit.
SELECT s.*, m.text, m.author_rank, m.state = 'visible' AND m.edited_at IS NULL AS stands
FROM spoken_orders s LEFT JOIN messages m ON m.room_id = s.room_id AND m.id = s.message_id
WHERE s.room_id = $1 AND s.done_at IS NULL
ORDER BY s.epoch, s."offset" LIMIT $2;

-- done --
-- What became of a comment. $1 message, $2 outcome, $3 now.
UPDATE spoken_orders SET done_at = $3, outcome = $2 WHERE message_id = $1 AND done_at IS NULL
RETURNING 1;
