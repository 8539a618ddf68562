-- rooms_with --
-- Rooms whose present broadcast has a product in its rundown, or that pinned it. $1 product.
SELECT n.id FROM rooms_now n
WHERE n.kind = 'live' AND (
    EXISTS (SELECT FROM rundown e WHERE e.broadcast_id = n.broadcast_id AND e.product_id = $1)
    OR EXISTS (SELECT FROM product_pins p
               WHERE p.room_id = n.id AND p.product_id = $1 AND p.unpinned_at IS NULL))
ORDER BY n.id;

-- on_show --
-- Products of a room: in the rundown of a broadcast, by default the present one, or pinned.
-- $1 room, $2 broadcast or NULL.
SELECT e.product_id FROM rooms_now n
JOIN broadcasts b ON b.id = coalesce($2, n.broadcast_id) AND b.room_id = n.id
JOIN rundown e ON e.broadcast_id = b.id
WHERE n.id = $1
UNION
SELECT product_id FROM product_pins WHERE room_id = $1 AND unpinned_at IS NULL;

-- broadcast_room --
-- The room of a broadcast, and one change of its rundown at a time. $1 broadcast.
SELECT room_id FROM broadcasts WHERE id = $1 FOR NO KEY UPDATE;

-- rundown_ids --
-- A rundown in its order. $1 broadcast.
SELECT product_id FROM rundown WHERE broadcast_id = $1 ORDER BY place, product_id;

-- rundown_add --
-- A product at the end of a rundown; nothing comes back when it is there. $1 broadcast, $2 product, $3 time.
INSERT INTO rundown (broadcast_id, product_id, place, planned_at)
SELECT $1, $2, coalesce(max(place) + 1, 0), $3 FROM rundown WHERE broadcast_id = $1
ON CONFLICT DO NOTHING
RETURNING place;

-- rundown_remove --
-- A product out of a rundown; nothing comes back when it is not there. $1 broadcast, $2 product.
DELETE FROM rundown WHERE broadcast_id = $1 AND product_id = $2 RETURNING place;

-- rundown_order --
-- A rundown in a new order. $1 broadcast, $2 products.
UPDATE rundown e SET place = o.place - 1
FROM unnest($2::bigint[]) WITH ORDINALITY AS o (product_id, place)
WHERE e.broadcast_id = $1 AND e.product_id = o.product_id;

-- rundown_plan --
-- When a product is planned. $1 broadcast, $2 product, $3 time.
UPDATE rundown SET planned_at = $3 WHERE broadcast_id = $1 AND product_id = $2 RETURNING place;

-- lock_room --
-- One pin of a room at a time. $1 room.
SELECT id FROM rooms WHERE id = $1 FOR NO KEY UPDATE;

-- pin_open --
-- What is pinned in a room. $1 room.
SELECT id, product_id, second FROM product_pins WHERE room_id = $1 AND unpinned_at IS NULL;

-- pin_close --
-- Nothing is pinned in a room from a time on. $1 room, $2 time.
UPDATE product_pins SET unpinned_at = greatest($2, pinned_at)
WHERE room_id = $1 AND unpinned_at IS NULL RETURNING product_id;

-- pins_over --
-- Nothing stays pinned of broadcasts that are over. $1 broadcasts, $2 time.
UPDATE product_pins SET unpinned_at = greatest($2, pinned_at)
WHERE broadcast_id = ANY ($1::bigint[]) AND unpinned_at IS NULL RETURNING room_id, product_id;

-- pin_add --
-- A pin. $1 room, $2 broadcast, $3 product, $4 second, $5 time.
INSERT INTO product_pins (room_id, broadcast_id, product_id, second, pinned_at)
VALUES ($1, $2, $3, $4, $5);

-- lock_product --
-- One change of a product at a time. $1 product.
SELECT id FROM products WHERE id = $1 FOR UPDATE;

-- sale --
-- A flash sale. $1 id.
SELECT *, (extract(epoch FROM starts_at) * 1000)::bigint AS starts_ms,
       (extract(epoch FROM ends_at) * 1000)::bigint AS ends_ms
FROM sales WHERE id = $1;

-- sale_open --
-- The flash sale of a product that is on or comes next. $1 product, $2 time.
SELECT id FROM sales WHERE product_id = $1 AND ends_at > $2 LIMIT 1;

-- sale_add --
-- A flash sale. $1 product, $2 room, $3 price, $4 total, $5 per person, $6 start, $7 end, $8 member, $9 told.
INSERT INTO sales (product_id, room_id, price, total, per_person, starts_at, ends_at, created_by, told)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id;

-- sale_extend --
-- A later end of a flash sale. $1 sale, $2 time.
UPDATE sales SET ends_at = $2 WHERE id = $1;

-- sale_end --
-- The end of a flash sale, also of one that has not begun. $1 sale, $2 time.
UPDATE sales SET starts_at = least(starts_at, $2), ends_at = $2, told = 2 WHERE id = $1 AND ends_at > $2
RETURNING id;

-- sales_turned --
-- Flash sales that began or ended without the rooms having been told. $1 time.
SELECT id, product_id, room_id FROM sales
WHERE told < 2 AND (ends_at <= $1 OR (told = 0 AND starts_at <= $1)) ORDER BY product_id, id LIMIT 50;

-- sale_told --
-- What the rooms are told now; nothing comes back when they know. $1 sale, $2 time.
UPDATE sales SET told = CASE WHEN ends_at <= $2 THEN 2 ELSE 1 END
WHERE id = $1 AND told < 2 AND (ends_at <= $2 OR (told = 0 AND starts_at <= $2))
RETURNING id;

-- stop --
-- Sell products, or not; those that change come back. $1 products, $2 whether stopped.
UPDATE products p SET stopped = $2, version = p.version + 1
FROM (SELECT id FROM products WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE) AS held
WHERE p.id = held.id AND p.stopped <> $2
RETURNING p.id;

-- rundown --
-- A rundown in its order, with what is pinned in its room after it. $1 broadcast, $2 room.
SELECT product_id, planned_at, true AS planned FROM (
    SELECT product_id, planned_at FROM rundown WHERE broadcast_id = $1 ORDER BY place, product_id) AS r
UNION ALL
SELECT p.product_id, NULL, false FROM product_pins p
WHERE p.room_id = $2 AND p.unpinned_at IS NULL
  AND NOT EXISTS (SELECT FROM rundown r WHERE r.broadcast_id = $1 AND r.product_id = p.product_id);

-- sold --
-- What counts as sold in a broadcast, by product. $1 broadcast.
SELECT product_id, currency, count(*) AS orders, sum(quantity) AS units, sum(amount)::bigint AS amount
FROM orders WHERE broadcast_id = $1 AND state IN ('placed', 'paid') GROUP BY product_id, currency;

-- busy --
-- How many hold and how many wait, by product. $1 products, $2 time.
SELECT p.id,
    (SELECT count(DISTINCT person) FROM reservations r
     WHERE r.product_id = p.id AND r.state = 'held' AND r.until > $2) AS holding,
    (SELECT count(DISTINCT person) FROM waiting w
     WHERE w.product_id = p.id AND w.state = 'waiting') AS waiting
FROM unnest($1::bigint[]) AS p (id);

-- shown_before --
-- Products that were pinned in a broadcast. $1 broadcast.
SELECT DISTINCT product_id FROM product_pins WHERE broadcast_id = $1;

-- bought_by --
-- Orders in a broadcast, of one product or all, the newest first. $1 broadcast, $2 product or NULL.
SELECT o.id, o.product_id AS product, p.title, p.checkout = 'offline' AS offline, o.person, o.name, o.quantity, o.amount, o.currency, o.state, v.title AS variant,
       (extract(epoch FROM o.created_at) * 1000)::bigint AS at
FROM orders o JOIN variants v ON v.id = o.variant_id JOIN products p ON p.id = o.product_id
WHERE o.broadcast_id = $1 AND o.product_id = coalesce($2, o.product_id) ORDER BY o.created_at DESC, o.id DESC LIMIT 200;

-- held_by --
-- Who holds a product now, in the order in which they reserved. $1 product, $2 time.
SELECT r.person, r.name, r.quantity, v.title AS variant,
       (extract(epoch FROM r.until) * 1000)::bigint AS until
FROM reservations r JOIN variants v ON v.id = r.variant_id
WHERE r.product_id = $1 AND r.state = 'held' AND r.until > $2 ORDER BY r.seq LIMIT 200;

-- waited_by --
-- Who waits for a product, the first one first. $1 product.
SELECT w.person, w.name, w.quantity, v.title AS variant
FROM waiting w JOIN variants v ON v.id = w.variant_id
WHERE w.product_id = $1 AND w.state = 'waiting' ORDER BY w.seq LIMIT 200;

-- asked_by --
-- Who named a product in what they said during a broadcast, the newest first; looks through the
-- newest of the room only, for it is asked while the host waits.
-- $1 room, $2 broadcast, $3 title, $4 pattern of its code or NULL, $5 the rank of the team.
SELECT m.author AS person, m.author_name AS name, m.text,
       (extract(epoch FROM m.at) * 1000)::bigint AS at
FROM (SELECT * FROM messages WHERE room_id = $1 ORDER BY epoch DESC, "offset" DESC LIMIT 20000) m
WHERE m.broadcast_id = $2 AND m.state = 'visible' AND m.author_rank < $5
  AND (strpos(lower(m.text), lower($3)) > 0 OR m.text ~* $4)
ORDER BY m.epoch DESC, m."offset" DESC LIMIT 50;

-- find_products --
-- Products that are sold, by words of their title or by their code. $1 pattern, $2 code.
SELECT p.id FROM products p
WHERE p.archived_at IS NULL AND (p.title ILIKE $1 OR lower(p.code) = lower($2))
ORDER BY lower(p.code) IS NOT DISTINCT FROM lower($2) DESC, p.id DESC LIMIT 30;

-- room_of_broadcast --
-- The room of a broadcast. $1 broadcast.
SELECT room_id FROM broadcasts WHERE id = $1;

-- chapters --
-- What was pinned in a broadcast, in the order of the recording; what was pinned before it began
-- and still was then counts from its start. $1 broadcast.
SELECT s.product_id, p.title, coalesce(s.second, 0) AS second
FROM product_pins s JOIN products p ON p.id = s.product_id
JOIN broadcasts b ON b.id = s.broadcast_id
WHERE s.broadcast_id = $1 AND b.started_at IS NOT NULL
  AND (s.second IS NOT NULL OR s.unpinned_at IS NULL OR s.unpinned_at > b.started_at)
ORDER BY second, s.id LIMIT 200;

-- shelf --
-- What a room shows: the rundown of a broadcast in its order, and what is pinned. $1 room, $2 broadcast.
SELECT shown.product_id, bool_or(shown.pinned) AS pinned
FROM (
    SELECT e.product_id, e.place, false AS pinned FROM rundown e WHERE e.broadcast_id = $2
    UNION ALL
    SELECT s.product_id, NULL, true FROM product_pins s WHERE s.room_id = $1 AND s.unpinned_at IS NULL
) shown
JOIN products p ON p.id = shown.product_id AND p.archived_at IS NULL
GROUP BY shown.product_id
ORDER BY min(shown.place) NULLS LAST, shown.product_id;
