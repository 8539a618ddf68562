-- rooms_with --
-- Rooms whose present broadcast has a product in its rundown, or that pinned it. $1 product.
SELECT n.id FROM rooms_now n
WHERE n.kind = 'live' AND (
    EXISTS (SELECT FROM rundown e WHERE e.broadcast_id = n.broadcast_id AND e.product_id = $1)
    OR EXISTS (SELECT FROM product_pins p
               WHERE p.room_id = n.id AND p.product_id = $1 AND p.unpinned_at IS NULL))
ORDER BY n.id;

-- on_show --
-- Products of a room: in the rundown of its present broadcast, or pinned. $1 room.
SELECT e.product_id FROM rooms_now n JOIN rundown e ON e.broadcast_id = n.broadcast_id WHERE n.id = $1
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

-- pin_add --
-- A pin. $1 room, $2 broadcast, $3 product, $4 second, $5 time.
INSERT INTO product_pins (room_id, broadcast_id, product_id, second, pinned_at)
VALUES ($1, $2, $3, $4, $5);

-- lock_product --
-- One change of a product at a time. $1 product.
SELECT id FROM products WHERE id = $1 FOR UPDATE;

-- bump --
-- What Redis has to learn of a product changed. $1 product.
UPDATE products SET version = version + 1 WHERE id = $1;

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
