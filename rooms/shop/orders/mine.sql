-- mine --
-- What somebody reserved and what became of it, the newest first. $1 person, $2 reservation or NULL for all, $3 older than or NULL, $4 how many at most.
SELECT r.id, r.product_id, r.variant_id, r.room_id, r.person, r.name, r.named, r.quantity, r.price,
       r.discount, r.currency, r.sale_id, r.coupon_id, r.source, r.state, r.why, r.seq,
       r.at, r.until, p.title AS product_title, v.title AS variant_title, p.pictures[1] AS picture,
       p.checkout, p.checkout_url, o.id AS order_id, o.state AS order_state, o.changed_at,
       room.slug AS room_slug, room.title AS room_title
FROM reservations r
JOIN products p ON p.id = r.product_id
JOIN variants v ON v.id = r.variant_id
LEFT JOIN orders o ON o.reservation_id = r.id
LEFT JOIN rooms room ON room.id = r.room_id AND room.visibility = 'public'
WHERE r.person = $1 AND ($2::uuid IS NULL OR r.id = $2) AND ($3::timestamptz IS NULL OR r.at < $3)
ORDER BY r.at DESC, r.id DESC LIMIT $4;
