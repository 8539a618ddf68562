-- standing --
-- Whether this viewer's reaction stands.
SELECT NOT removed FROM reactions
WHERE room_id = $1 AND message_id = $2 AND viewer = $3 AND kind = $4;

-- save --
-- Reactions added or taken back; the latest place decides.
INSERT INTO reactions AS r (room_id, message_id, viewer, kind, removed, epoch, "offset", at)
SELECT room_id, message_id, viewer, kind, removed, epoch, "offset", at
FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::boolean[], $6::bigint[],
            $7::bigint[], $8::timestamptz[])
     AS v (room_id, message_id, viewer, kind, removed, epoch, "offset", at)
ON CONFLICT (room_id, message_id, viewer, kind) DO UPDATE
SET removed = excluded.removed, epoch = excluded.epoch, "offset" = excluded."offset",
    at = excluded.at
WHERE (r.epoch, r."offset") < (excluded.epoch, excluded."offset");

-- message_state --
-- Whether there is such a message to react to.
SELECT state FROM messages WHERE room_id = $1 AND id = $2;
