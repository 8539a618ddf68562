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

-- catalogue --
-- Ids of products, the newest first. $1 part of title, code or sku (folded), $2 archived,
-- $3 limit, $4 skipped.
SELECT p.id FROM products p
WHERE (p.archived_at IS NOT NULL) = $2
  AND ($1 = '' OR strpos(lower(normalize(p.title, NFKC)), $1) > 0 OR p.code = $1
       OR EXISTS (SELECT FROM variants v WHERE v.product_id = p.id AND v.removed_at IS NULL
                  AND lower(v.sku) = $1))
ORDER BY p.id DESC LIMIT $3 OFFSET $4;

-- counted --
-- How many products are in the catalogue and how many are archived.
SELECT count(*) FILTER (WHERE archived_at IS NULL) AS here,
       count(*) FILTER (WHERE archived_at IS NOT NULL) AS archived
FROM products;

-- every --
-- Ids of everything in the catalogue, for an export. $1 limit.
SELECT id FROM products WHERE archived_at IS NULL ORDER BY id LIMIT $1;

-- sources --
-- Where products were imported from. $1 sources.
SELECT id, source FROM products WHERE source = ANY ($1::text[]);

-- sources_of --
-- The same the other way round. $1 ids.
SELECT id, source FROM products WHERE id = ANY ($1::bigint[]);

-- codes --
-- Who has which code. $1 codes.
SELECT id, code FROM products WHERE archived_at IS NULL AND code = ANY ($1::text[]);

-- currency --
-- The currency of the newest product, to be offered for the next.
SELECT currency FROM products ORDER BY id DESC LIMIT 1;

-- lock --
-- One change of a product at a time.
SELECT id FROM products WHERE id = $1 FOR NO KEY UPDATE;

-- create --
-- $1 title, $2 about, $3 code, $4 currency, $5 pictures, $6 per_person, $7 checkout,
-- $8 checkout_url, $9 hold_seconds, $10 source, $11 created_by.
INSERT INTO products (title, about, code, currency, pictures, per_person, checkout, checkout_url,
                      hold_seconds, source, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id;

-- change --
-- $1 id, then as in `create`.
UPDATE products SET title = $2, about = $3, code = $4, currency = $5, pictures = $6,
                    per_person = $7, checkout = $8, checkout_url = $9, hold_seconds = $10,
                    version = version + 1
WHERE id = $1 RETURNING id;

-- archive --
-- Off the catalogue; whoever holds it may still pay.
UPDATE products SET archived_at = now(), version = version + 1 WHERE id = $1 RETURNING id;

-- restore --
-- Back in the catalogue.
UPDATE products SET archived_at = NULL, version = version + 1 WHERE id = $1 RETURNING id;

-- free_codes --
-- Codes that nobody can enter, until each variant has its new one. $1 product.
UPDATE variants SET code = '~' || id WHERE product_id = $1 AND removed_at IS NULL;

-- remove_variants --
-- Those that are no longer offered; what was sold of them stays. $1 product, $2 those that stay.
UPDATE variants SET removed_at = now()
WHERE product_id = $1 AND removed_at IS NULL AND NOT id = ANY ($2::bigint[]);

-- add_variant --
-- $1 product, $2 place, $3 title, $4 code, $5 sku, $6 price, $7 was_price, $8 total.
INSERT INTO variants (product_id, place, title, code, sku, price, was_price, total)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- change_variant --
-- Nothing comes back when more was sold than there would be. $1 id, $2 product, $3 place,
-- $4 title, $5 code, $6 sku, $7 price, $8 was_price, $9 total.
UPDATE variants SET place = $3, title = $4, code = $5, sku = $6, price = $7, was_price = $8,
                    total = $9
WHERE id = $1 AND product_id = $2 AND sold <= $9 RETURNING id;

-- rooms_showing --
-- Rooms with a product in the rundown of a broadcast that is on or to come, or pinned. $1 product.
SELECT b.room_id FROM rundown r JOIN broadcasts b ON b.id = r.broadcast_id
WHERE r.product_id = $1 AND b.state <> 'ended'
UNION
SELECT room_id FROM product_pins WHERE product_id = $1 AND unpinned_at IS NULL;

-- off_rundowns --
-- Shows that are not over no longer plan it. $1 product.
DELETE FROM rundown r USING broadcasts b
WHERE r.broadcast_id = b.id AND r.product_id = $1 AND b.state <> 'ended';
