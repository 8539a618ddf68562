-- of_reservation --
-- What a reservation became. $1 reservation.
SELECT o.*, p.title AS product_title, v.title AS variant_title
FROM orders o JOIN products p ON p.id = o.product_id JOIN variants v ON v.id = o.variant_id
WHERE o.reservation_id = $1;

-- order_by_id --
-- One order. $1 order.
SELECT o.*, p.title AS product_title, v.title AS variant_title
FROM orders o JOIN products p ON p.id = o.product_id JOIN variants v ON v.id = o.variant_id
WHERE o.id = $1;

-- of_person --
-- What somebody ordered, the newest first. $1 person, $2 limit, $3 before this order or NULL.
SELECT o.*, p.title AS product_title, v.title AS variant_title
FROM orders o JOIN products p ON p.id = o.product_id JOIN variants v ON v.id = o.variant_id
WHERE o.person = $1 AND ($3::bigint IS NULL OR o.id < $3)
ORDER BY o.id DESC LIMIT $2;

-- listed --
-- Orders for the host, the newest first. $1 limit, $2 before this order or NULL, $3 product or NULL, $4 state or NULL.
SELECT o.*, p.title AS product_title, v.title AS variant_title
FROM orders o JOIN products p ON p.id = o.product_id JOIN variants v ON v.id = o.variant_id
WHERE ($2::bigint IS NULL OR o.id < $2) AND ($3::bigint IS NULL OR o.product_id = $3)
    AND ($4::text IS NULL OR o.state = $4)
ORDER BY o.id DESC LIMIT $1;

-- lock_order --
-- Hold an order while it changes. $1 reservation.
SELECT id, state FROM orders WHERE reservation_id = $1 FOR UPDATE;

-- sell --
-- Count as sold, if that many are there. $1 variant, $2 quantity.
UPDATE variants SET sold = sold + $2 WHERE id = $1 AND sold + $2 <= total RETURNING id;

-- sell_in_sale --
-- The same in a flash sale. $1 sale, $2 quantity.
UPDATE sales SET sold = sold + $2 WHERE id = $1 AND sold + $2 <= total RETURNING id;

-- unsell --
-- Count as not sold; without restocking it is gone altogether. $1 variant, $2 quantity, $3 whether to restock.
UPDATE variants SET sold = sold - $2, total = total - CASE WHEN $3 THEN 0 ELSE $2 END WHERE id = $1;

-- unsell_in_sale --
-- Give back to a flash sale. $1 sale, $2 quantity.
UPDATE sales SET sold = sold - $2 WHERE id = $1 AND sold >= $2;

-- store --
-- Store what was decided about a reservation. $1 reservation, $2 state, $3 payment, $4 time, $5 whether it is sold.
INSERT INTO orders AS o (reservation_id, product_id, variant_id, room_id, broadcast_id, person, name,
    named, quantity, amount, currency, state, payment, told, mirrored, created_at, changed_at)
SELECT r.id, r.product_id, r.variant_id, r.room_id,
    (SELECT b.id FROM broadcasts b WHERE b.room_id = r.room_id AND b.state = 'live'),
    r.person, r.name, r.named, r.quantity, r.price * r.quantity - r.discount, r.currency,
    $2, $3, NOT $5 OR r.room_id IS NULL, false, $4, $4
FROM reservations r WHERE r.id = $1
ON CONFLICT (reservation_id) DO UPDATE
SET state = excluded.state, payment = excluded.payment, mirrored = false, changed_at = excluded.changed_at;

-- set_state --
-- Store what became of an order. $1 reservation, $2 state, $3 payment or empty, $4 time.
UPDATE orders SET state = $2, payment = CASE $3 WHEN '' THEN payment ELSE $3 END,
    mirrored = false, changed_at = $4
WHERE reservation_id = $1;

-- reservation_ordered --
-- Say that a reservation became an order. $1 reservation.
UPDATE reservations SET state = 'ordered', why = '' WHERE id = $1;

-- untold --
-- Where somebody bought and the room was not told yet.
SELECT DISTINCT room_id, product_id FROM orders
WHERE NOT told AND room_id IS NOT NULL AND state IN ('placed', 'paid') LIMIT 100;

-- tell --
-- Who bought, noted as told. $1 room, $2 product.
WITH now_told AS (
    UPDATE orders SET told = true
    WHERE room_id = $1 AND product_id = $2 AND NOT told AND state IN ('placed', 'paid')
    RETURNING id, person, name, named
)
SELECT t.*, p.title FROM now_told t JOIN products p ON p.id = $2 ORDER BY t.id DESC;
