-- broadcast --
-- One broadcast.
SELECT * FROM broadcasts_shown WHERE id = $1;

-- lock --
-- One change of a broadcast at a time.
SELECT 1 FROM broadcasts WHERE id = $1 FOR UPDATE;

-- schedule --
-- A new broadcast of a live room.
INSERT INTO broadcasts (room_id, title, about, host_id, video_kind, video_url, poster_url, upright,
                        starts_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id;

-- edit --
-- New words, source and time; the time of one that began stays.
UPDATE broadcasts SET title = $2, about = $3, video_kind = $4, video_url = $5, poster_url = $6,
                      upright = $7,
                      starts_at = CASE WHEN state = 'scheduled' THEN $8 ELSE starts_at END
WHERE id = $1;

-- lock_stage --
-- One room's broadcasts begin one after another.
SELECT id FROM rooms WHERE id = $1 FOR NO KEY UPDATE;

-- start --
-- On air; nothing comes back when another one of the room is, or this one is not scheduled.
UPDATE broadcasts b SET state = 'live', started_at = $2
WHERE b.id = $1 AND b.state = 'scheduled'
  AND NOT EXISTS (SELECT FROM broadcasts o WHERE o.room_id = b.room_id AND o.state = 'live')
RETURNING id;

-- finish --
-- Over; nothing comes back when it is not on air.
UPDATE broadcasts SET state = 'ended', ended_at = $2 WHERE id = $1 AND state = 'live' RETURNING id;

-- cancel --
-- A broadcast that will not take place.
DELETE FROM broadcasts WHERE id = $1 AND state = 'scheduled' RETURNING id;

-- live_now --
-- What is on, in rooms that may be seen; the newest first.
SELECT * FROM broadcasts_shown WHERE state = 'live' AND room_id = ANY($1::bigint[])
ORDER BY started_at DESC;

-- coming --
-- What comes next, in rooms that may be seen.
SELECT * FROM broadcasts_shown
WHERE state = 'scheduled' AND starts_at > now() - interval '12 hours'
  AND room_id = ANY($1::bigint[])
ORDER BY starts_at LIMIT $2;

-- ended --
-- What is over, in rooms that may be seen; the newest first.
SELECT * FROM broadcasts_shown WHERE state = 'ended' AND room_id = ANY($1::bigint[])
ORDER BY ended_at DESC LIMIT $2;

-- of_room --
-- All broadcasts of a room, the newest first.
SELECT * FROM broadcasts_shown WHERE room_id = $1
ORDER BY coalesce(started_at, starts_at) DESC LIMIT $2;
