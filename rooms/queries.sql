-- room --
-- One room with its present or next broadcast.
SELECT * FROM rooms_now WHERE id = $1;

-- room_by_slug --
-- One room by its name in addresses.
SELECT * FROM rooms_now WHERE slug = $1;

-- rooms --
-- Rooms of these visibilities, open ones first, in the order of their creation.
SELECT * FROM rooms_now
WHERE visibility = ANY($1::text[]) AND kind <> 'direct'
ORDER BY closed_at IS NOT NULL, id;

-- visible_ids --
-- The ids of all rooms of these visibilities.
SELECT id FROM rooms WHERE visibility = ANY($1::text[]) AND kind <> 'direct' ORDER BY id;

-- gates --
-- What the engine has to know of a room.
SELECT min_rank, cooldown_ms, visibility, closed_at IS NOT NULL AS closed FROM rooms WHERE id = $1;

-- lock_room --
-- One change of a room at a time.
SELECT 1 FROM rooms WHERE id = $1 FOR UPDATE;

-- rooms_pinning --
-- Rooms where one of these messages, or one by these people, stands above the others.
SELECT r.id FROM rooms r JOIN messages m ON m.room_id = r.id AND m.id = r.pinned
WHERE m.id = ANY($1::uuid[]) OR m.author = ANY($2::text[]);

-- create_room --
-- A new room; none comes back when the short name is taken.
INSERT INTO rooms (kind, slug, title, about, visibility, min_rank, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (slug) DO NOTHING
RETURNING id;

-- edit_room --
-- New title, description and visibility.
UPDATE rooms SET title = $2, about = $3, visibility = $4 WHERE id = $1;

-- set_min_rank --
-- A new room mode.
UPDATE rooms SET min_rank = $2 WHERE id = $1;

-- set_cooldown --
-- A new slow mode, in ms.
UPDATE rooms SET cooldown_ms = $2 WHERE id = $1;

-- close_room --
-- No more words here.
UPDATE rooms SET closed_at = coalesce(closed_at, now()) WHERE id = $1;

-- reopen_room --
-- Words are taken again.
UPDATE rooms SET closed_at = NULL WHERE id = $1;
