-- drop --
-- A coupon; nothing comes back when its code is taken. $1 code, $2 room, $3 product, $4 percent,
-- $5 amount, $6 currency, $7 cap, $8 end, $9 member.
INSERT INTO coupons (code, room_id, product_id, percent, amount, currency, cap, ends_at, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (code) DO NOTHING
RETURNING *;

-- product --
-- What a coupon has to fit. $1 product.
SELECT currency, archived_at FROM products WHERE id = $1;

-- coupon --
-- One coupon. $1 id.
SELECT * FROM coupons WHERE id = $1;

-- claim_once --
-- That somebody claims a coupon; nothing comes back the second time. $1 coupon, $2 person.
INSERT INTO coupon_claims (coupon_id, person) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1;

-- has_claimed --
-- Whether somebody has a coupon. $1 coupon, $2 person.
SELECT EXISTS (SELECT FROM coupon_claims WHERE coupon_id = $1 AND person = $2);

-- claimed --
-- A coupon that somebody claimed, and the currency of a product. $1 coupon, $2 person, $3 product.
SELECT k.*, (SELECT p.currency FROM products p WHERE p.id = $3) AS of_product
FROM coupons k JOIN coupon_claims c ON c.coupon_id = k.id AND c.person = $2
WHERE k.id = $1;

-- count_claim --
-- One claim more, while there are some and it is not over. $1 coupon, $2 now.
UPDATE coupons SET claimed = claimed + 1
WHERE id = $1 AND claimed < cap AND ends_at > $2
RETURNING claimed;

-- end_coupon --
-- No more claims; nothing comes back when it was over. $1 coupon, $2 now.
UPDATE coupons SET ends_at = $2 WHERE id = $1 AND ends_at > $2 RETURNING id;

-- untold_claims --
-- Counts that rooms were not told yet, marked as told.
UPDATE coupons SET told = claimed WHERE told <> claimed AND room_id IS NOT NULL
RETURNING id, room_id, claimed, cap;

-- coupons_of_room --
-- Coupons of a room that can be claimed, and those that somebody has, unused. $1 room, $2 person,
-- $3 now, $4 since when they may have ended.
SELECT k.*, c.person IS NOT NULL AS mine
FROM coupons k LEFT JOIN coupon_claims c ON c.coupon_id = k.id AND c.person = $2
WHERE k.room_id = $1
  AND (k.ends_at > $3 OR c.person IS NOT NULL AND k.ends_at > $4)
  AND NOT EXISTS (SELECT FROM reservations r
                  WHERE r.id = c.reservation_id AND r.state IN ('held', 'ordered'))
ORDER BY k.id;

-- open_giveaway --
-- A giveaway. $1 room, $2 title, $3 winners, $4 commitment, $5 seed, $6 end, $7 member.
INSERT INTO giveaways (room_id, title, winners, commitment, seed, closes_at, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING id;

-- giveaway --
-- One giveaway, its seed only when it is drawn. $1 id.
SELECT id, room_id, title, winners, commitment, closes_at, drawn_at, entries_digest,
       CASE WHEN drawn_at IS NOT NULL THEN seed END AS seed
FROM giveaways WHERE id = $1;

-- enter --
-- An entry while it is open; a draw waits for it. $1 giveaway, $2 person, $3 name, $4 now.
WITH open AS (
    SELECT id FROM giveaways WHERE id = $1 AND closes_at > $4 AND drawn_at IS NULL FOR KEY SHARE
)
INSERT INTO giveaway_entries (giveaway_id, person, name, at)
SELECT id, $2, $3, $4 FROM open
ON CONFLICT (giveaway_id, person) DO UPDATE SET person = excluded.person
RETURNING 1;

-- lock_giveaway --
-- A giveaway with its seed, alone, when everybody who is entering has. $1 id.
SELECT * FROM giveaways WHERE id = $1 FOR UPDATE;

-- entries --
-- Everybody who entered, in the order of the draw's digest. $1 giveaway.
SELECT person, name, place FROM giveaway_entries WHERE giveaway_id = $1 ORDER BY person COLLATE "C";

-- win --
-- The places of those who won. $1 giveaway, $2 persons in their order.
UPDATE giveaway_entries e SET place = w.place
FROM unnest($2::text[]) WITH ORDINALITY AS w (person, place)
WHERE e.giveaway_id = $1 AND e.person = w.person;

-- close_giveaway --
-- That it is drawn. $1 giveaway, $2 digest of the entries, $3 now.
UPDATE giveaways SET entries_digest = $2, drawn_at = $3 WHERE id = $1;

-- giveaways_of_room --
-- Giveaways of a room that are not drawn, or were drawn since a time; whether somebody entered.
-- $1 room, $2 person, $3 since.
SELECT g.id, g.room_id, g.title, g.winners, g.commitment, g.closes_at, g.drawn_at,
       g.entries_digest, CASE WHEN g.drawn_at IS NOT NULL THEN g.seed END AS seed,
       (SELECT count(*) FROM giveaway_entries e WHERE e.giveaway_id = g.id) AS entries,
       EXISTS (SELECT FROM giveaway_entries e WHERE e.giveaway_id = g.id AND e.person = $2) AS entered,
       coalesce((SELECT jsonb_agg(jsonb_build_object('person', person, 'name', name, 'place', place)
                                  ORDER BY place)
                 FROM giveaway_entries e WHERE e.giveaway_id = g.id AND place IS NOT NULL), '[]')
           AS won
FROM giveaways g
WHERE g.room_id = $1 AND (g.drawn_at IS NULL AND g.closes_at > $3 OR g.drawn_at > $3)
ORDER BY g.id;
