-- products --
-- Products with their variants and the sale that is on or comes next. $1 ids, $2 time, NULL for now.
SELECT p.*, coalesce(v.variants, '[]') AS variants, s.sale
FROM products p
LEFT JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(v) ORDER BY v.place, v.id) AS variants
    FROM variants v WHERE v.product_id = p.id AND v.removed_at IS NULL
) v ON true
LEFT JOIN LATERAL (
    SELECT jsonb_build_object(
        'id', s.id, 'room_id', s.room_id, 'price', s.price, 'total', s.total, 'sold', s.sold,
        'per_person', s.per_person,
        'starts_at', (extract(epoch FROM s.starts_at) * 1000)::bigint,
        'ends_at', (extract(epoch FROM s.ends_at) * 1000)::bigint
    ) AS sale
    FROM sales s WHERE s.product_id = p.id AND s.ends_at > coalesce($2, now())
    ORDER BY s.ends_at, s.id LIMIT 1
) s ON true
WHERE p.id = ANY ($1::bigint[])
ORDER BY array_position($1::bigint[], p.id);
