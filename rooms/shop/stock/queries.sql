-- truth --
-- What Redis has to know of a product, at one moment. $1 product, $2 time, $3 whether of all buyers.
SELECT p.version, p.mirrored, p.stopped OR p.archived_at IS NOT NULL AS stopped, p.currency,
    p.per_person AS cap, p.hold_seconds,
    coalesce((
        SELECT jsonb_agg(jsonb_build_object(
            'id', v.id::text, 'total', v.total, 'sold', v.sold, 'price', v.price,
            'title', p.title || CASE v.title WHEN '' THEN '' ELSE ' · ' || v.title END
        ) ORDER BY v.place, v.id)
        FROM variants v WHERE v.product_id = p.id AND v.removed_at IS NULL
    ), '[]') AS variants,
    coalesce((
        SELECT jsonb_agg(jsonb_build_object(
            'id', s.id::text, 'price', s.price, 'total', s.total, 'sold', s.sold,
            'per_person', s.per_person,
            'starts', (extract(epoch FROM s.starts_at) * 1000)::bigint,
            'ends', (extract(epoch FROM s.ends_at) * 1000)::bigint,
            'bought', coalesce((
                SELECT jsonb_object_agg(b.person, b.count) FROM (
                    SELECT o.person,
                        coalesce(sum(o.quantity) FILTER (WHERE o.state IN ('placed', 'paid')), 0) AS count
                    FROM orders o JOIN reservations r ON r.id = o.reservation_id
                    WHERE r.sale_id = s.id AND o.product_id = p.id AND ($3 OR o.person IN (
                        SELECT u.person FROM orders u WHERE u.product_id = p.id AND NOT u.mirrored))
                    GROUP BY o.person
                ) b
            ), '{}')
        ) ORDER BY s.ends_at, s.id)
        FROM sales s
        WHERE s.product_id = p.id AND (s.ends_at > $2 OR s.id = (
            SELECT l.id FROM sales l WHERE l.product_id = p.id ORDER BY l.ends_at DESC, l.id DESC LIMIT 1))
    ), '[]') AS sales,
    coalesce((
        SELECT jsonb_object_agg(b.person, b.count) FROM (
            SELECT o.person,
                coalesce(sum(o.quantity) FILTER (WHERE o.state IN ('placed', 'paid')), 0) AS count
            FROM orders o
            WHERE o.product_id = p.id AND ($3 OR o.person IN (
                SELECT u.person FROM orders u WHERE u.product_id = p.id AND NOT u.mirrored))
            GROUP BY o.person
        ) b
    ), '{}') AS bought,
    coalesce((
        SELECT jsonb_agg(jsonb_build_array(o.reservation_id, o.state, o.changed_at::text))
        FROM orders o WHERE o.product_id = p.id AND NOT o.mirrored
    ), '[]') AS ordered
FROM products p WHERE p.id = $1;

-- lock --
-- Hold a product while it changes. $1 product.
SELECT version, stock_epoch FROM products WHERE id = $1 FOR NO KEY UPDATE;

-- begin_epoch --
-- Void what the log still holds of before. $1 product, $2 epoch.
UPDATE products SET stock_epoch = $2 WHERE id = $1;

-- touch --
-- Count a change that Redis has to learn of, and hold the product until the commit. $1 product.
UPDATE products SET version = version + 1 WHERE id = $1 RETURNING version;

-- orders_mirrored --
-- Note which orders Redis knows, unless they have changed since. $1 reservations, $2 states, $3 when changed.
UPDATE orders o SET mirrored = true
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS m (id, state, changed)
WHERE o.reservation_id = m.id AND o.state = m.state AND o.changed_at = m.changed::timestamptz;

-- product_mirrored --
-- Note which version Redis knows. $1 product, $2 version.
UPDATE products SET mirrored = $2 WHERE id = $1 AND mirrored < $2;

-- unmirrored --
-- Products of which Redis does not know the newest version.
SELECT id FROM products WHERE mirrored < version ORDER BY id LIMIT 200;

-- is_awaited --
-- Whether anybody holds or waits for a product. $1 product.
SELECT EXISTS (SELECT FROM reservations WHERE product_id = $1 AND state = 'held')
    OR EXISTS (SELECT FROM waiting WHERE product_id = $1 AND state = 'waiting');

-- holds --
-- What is held of a product, as far as it is saved. $1 product.
SELECT * FROM reservations WHERE product_id = $1 AND state = 'held' ORDER BY seq;

-- waiters --
-- Who waits for a product, as far as it is saved. $1 product.
SELECT * FROM waiting WHERE product_id = $1 AND state = 'waiting' ORDER BY seq;

-- done --
-- Reservations that became orders within a day. $1 product.
SELECT reservation_id FROM orders
WHERE product_id = $1 AND created_at > now() - interval '1 day'
ORDER BY created_at DESC LIMIT 20000;

-- newest_seq --
-- The last number that was given to a reservation of a product, or to somebody who waits. $1 product.
SELECT greatest(
    (SELECT coalesce(max(seq), 0) FROM reservations WHERE product_id = $1),
    (SELECT coalesce(max(seq), 0) FROM waiting WHERE product_id = $1));

-- share --
-- Keep products from being rebuilt until the commit. $1 products.
SELECT id FROM products WHERE id = ANY ($1::bigint[]) ORDER BY id FOR SHARE;

-- save_held --
-- Store holds; one of an older epoch than that of its product is void. $1 rows.
INSERT INTO reservations AS r (id, product_id, variant_id, room_id, person, name, named, key, quantity,
    price, discount, currency, sale_id, coupon_id, source, state, why, epoch, seq, "offset", at, until)
SELECT e.id, e.product_id, e.variant, e.room, e.person, e.name, e.named, e.key, e.quantity,
    e.price, e.discount, e.currency, e.sale, e.coupon, e.source,
    CASE WHEN e.epoch < p.stock_epoch THEN 'void' ELSE 'held' END,
    CASE WHEN e.epoch < p.stock_epoch THEN 'lost' ELSE '' END,
    e.epoch, e.seq, e."offset", to_timestamp(e.at / 1000.0), to_timestamp(e.until / 1000.0)
FROM jsonb_to_recordset($1) AS e (id uuid, product_id bigint, variant bigint, room bigint, person text,
    name text, named boolean, key text, quantity integer, price bigint, discount bigint, currency text,
    sale bigint, coupon bigint, source text, epoch bigint, seq bigint, "offset" bigint, at bigint, until bigint)
JOIN products p ON p.id = e.product_id
ON CONFLICT (id) DO UPDATE
SET state = 'held', why = '', quantity = excluded.quantity, price = excluded.price,
    discount = excluded.discount, sale_id = excluded.sale_id, coupon_id = excluded.coupon_id,
    named = excluded.named, epoch = excluded.epoch, seq = excluded.seq, "offset" = excluded."offset",
    at = excluded.at, until = excluded.until
WHERE r.state IN ('released', 'expired', 'void') AND excluded.state = 'held'
    AND (r.epoch, r."offset") < (excluded.epoch, excluded."offset")
RETURNING r.id;

-- save_ended --
-- Store how holds ended, unless a newer epoch has put them back. $1 rows.
UPDATE reservations r
SET state = e.state, why = e.why, epoch = e.epoch, "offset" = e."offset"
FROM jsonb_to_recordset($1) AS e (id uuid, product_id bigint, state text, why text, epoch bigint, "offset" bigint)
JOIN products p ON p.id = e.product_id
WHERE r.id = e.id AND r.state = 'held' AND e.epoch >= p.stock_epoch
    AND (r.epoch, r."offset") < (e.epoch, e."offset")
RETURNING r.id;

-- end_lost --
-- End reservations whose time is over and that Redis does not hold. $1 ids.
UPDATE reservations SET state = 'expired', why = 'lost'
WHERE id = ANY ($1::uuid[]) AND state = 'held'
RETURNING id;

-- set_named --
-- Say whether the buyer may be named. $1 reservation, $2 whether.
UPDATE reservations SET named = $2 WHERE id = $1;

-- coupon_use --
-- Use a coupon that its person claimed for one reservation. $1 coupon, $2 person, $3 reservation.
UPDATE coupon_claims c SET reservation_id = $3, used_at = now()
WHERE c.coupon_id = $1 AND c.person = $2 AND (c.reservation_id IS NULL OR c.reservation_id = $3)
RETURNING c.coupon_id;

-- coupons_free --
-- Let coupons be used again. $1 reservations.
UPDATE coupon_claims SET reservation_id = NULL, used_at = NULL WHERE reservation_id = ANY ($1::uuid[]);

-- coupons_left_over --
-- Let coupons be used again whose reservation never came to be.
UPDATE coupon_claims c SET reservation_id = NULL, used_at = NULL
WHERE c.reservation_id IS NOT NULL AND c.used_at < now() - interval '15 minutes'
    AND NOT EXISTS (SELECT FROM reservations r WHERE r.id = c.reservation_id);

-- reservations --
-- Reservations with what they are of. $1 ids.
SELECT r.*, p.title AS product_title, v.title AS variant_title, o.id IS NOT NULL AS is_ordered
FROM reservations r
JOIN products p ON p.id = r.product_id
JOIN variants v ON v.id = r.variant_id
LEFT JOIN orders o ON o.reservation_id = r.id
WHERE r.id = ANY ($1::uuid[])
ORDER BY r.seq;

-- of_person --
-- What somebody holds now, the newest first. $1 person.
SELECT r.*, p.title AS product_title, v.title AS variant_title, false AS is_ordered
FROM reservations r
JOIN products p ON p.id = r.product_id
JOIN variants v ON v.id = r.variant_id
WHERE r.person = $1 AND r.state = 'held' AND r.until > $2
ORDER BY r.at DESC LIMIT 100;

-- save_joined --
-- Store who waits. $1 rows.
INSERT INTO waiting AS w (variant_id, person, product_id, room_id, name, named, quantity, epoch, seq,
    "offset", state, at)
SELECT e.variant, e.person, e.product_id, e.room, e.name, e.named, e.quantity, e.epoch, e.seq,
    e."offset", 'waiting', to_timestamp(e.at / 1000.0)
FROM jsonb_to_recordset($1) AS e (variant bigint, person text, product_id bigint, room bigint, name text,
    named boolean, quantity integer, epoch bigint, seq bigint, "offset" bigint, at bigint)
JOIN products p ON p.id = e.product_id
WHERE e.epoch >= p.stock_epoch
ON CONFLICT (variant_id, person) DO UPDATE
SET room_id = excluded.room_id, name = excluded.name, named = excluded.named,
    quantity = excluded.quantity, epoch = excluded.epoch, seq = excluded.seq,
    "offset" = excluded."offset", state = 'waiting', at = excluded.at
WHERE (w.epoch, w."offset") < (excluded.epoch, excluded."offset");

-- save_left --
-- Store that people no longer wait: they were served, or left. $1 rows.
UPDATE waiting w SET state = e.state, epoch = e.epoch, "offset" = e."offset"
FROM jsonb_to_recordset($1) AS e (variant bigint, person text, product_id bigint, state text,
    epoch bigint, "offset" bigint)
JOIN products p ON p.id = e.product_id
WHERE w.variant_id = e.variant AND w.person = e.person AND w.state = 'waiting'
    AND e.epoch >= p.stock_epoch AND (w.epoch, w."offset") < (e.epoch, e."offset");

-- rooms --
-- In which rooms a product is shown: pinned, or in the rundown of what is on or comes. $1 products.
SELECT product_id, room_id FROM product_pins
WHERE product_id = ANY ($1::bigint[]) AND unpinned_at IS NULL
UNION
SELECT d.product_id, b.room_id FROM rundown d JOIN broadcasts b ON b.id = d.broadcast_id
WHERE d.product_id = ANY ($1::bigint[]) AND b.state IN ('scheduled', 'live');

-- due --
-- Products with holds whose time is over, and which those are. $1 time.
SELECT product_id, (array_agg(id ORDER BY until) FILTER (WHERE until < $1::timestamptz - interval '2 minutes'))[1:100] AS ids
FROM reservations WHERE state = 'held' AND until <= $1
GROUP BY product_id ORDER BY min(until) LIMIT 200;

-- levels --
-- What is left as far as the database knows. $1 products.
SELECT v.product_id, v.id, v.total, v.sold,
    coalesce((SELECT sum(r.quantity) FROM reservations r
              WHERE r.product_id = v.product_id AND r.variant_id = v.id AND r.state = 'held'), 0)::bigint AS held
FROM variants v WHERE v.product_id = ANY ($1::bigint[]) AND v.removed_at IS NULL;

-- set_total --
-- Set how many there are to sell, never fewer than are sold. $1 product, $2 variant, $3 total.
UPDATE variants SET total = $3
WHERE id = $2 AND product_id = $1 AND removed_at IS NULL AND sold <= $3
RETURNING sold;

-- variant --
-- A variant that is sold. $1 product, $2 variant.
SELECT sold FROM variants WHERE id = $2 AND product_id = $1 AND removed_at IS NULL;
