-- add_person --
-- $1 name, $2 name_key, $3 password_hash or null, $4 rank, $5 language, $6 about.
INSERT INTO members (name, name_key, password_hash, rank, language, about, is_demo, created_at)
VALUES ($1, $2, $3, $4, $5, $6, true, now() - interval '120 days')
RETURNING id;

-- add_room --
-- $1 kind, $2 slug, $3 title, $4 about, $5 owner.
INSERT INTO rooms (kind, slug, title, about, created_by) VALUES ($1, $2, $3, $4, $5) RETURNING id;

-- add_broadcast --
-- $1 room, $2 title, $3 about, $4 host, $5 state, $6 starts_at, $7 started_at, $8 ended_at.
INSERT INTO broadcasts (room_id, title, about, host_id, state, video_kind, video_url, poster_url,
                        starts_at, started_at, ended_at)
VALUES ($1, $2, $3, $4, $5, 'file', '/media/demo.mp4', '/media/demo.png', $6, $7, $8)
RETURNING id;

-- add_message --
-- $1 room, $2 id, $3 broadcast, $4 member, $5 name, $6 rank, $7 client_message_id, $8 text,
-- $9 is_question, $10 epoch, $11 offset, $12 at, $13 tokens.
INSERT INTO messages (room_id, id, broadcast_id, member_id, author_name, author_rank,
                      client_message_id, text, is_question, epoch, "offset", at, tokens)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::text::tsvector);

-- add_question --
-- $1 room, $2 id, $3 broadcast, $4 state, $5 votes, $6 asked_at, $7 answer, $8 answered_by,
-- $9 answered_at, $10 second, $11 tokens of both.
INSERT INTO questions (room_id, id, broadcast_id, state, votes, votes_told, asked_at, answer,
                       answered_by, answered_at, answered_second, tokens)
VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10, $11::text::tsvector);

-- add_votes --
-- Invented votes, so that counting them again gives the same number. $1 room, $2 id, $3 how many.
INSERT INTO question_votes (room_id, question_id, viewer, removed, epoch, "offset")
SELECT $1, $2, 'demo' || n, false, 0, n FROM generate_series(1, $3::integer) n;

-- demo_people --
-- $1 names.
SELECT id, name FROM members WHERE is_demo AND deleted_at IS NULL AND name = ANY ($1::text[]);

-- keep_on_air --
-- A broadcast that was left on air for hours began a while ago again.
UPDATE broadcasts SET started_at = now() - interval '14 minutes'
WHERE state = 'live' AND started_at < now() - interval '3 hours'
  AND host_id IN (SELECT id FROM members WHERE is_demo);

-- live_room --
-- The room in which the people of the demo talk.
SELECT room_id FROM broadcasts WHERE state = 'live'
  AND host_id IN (SELECT id FROM members WHERE is_demo) ORDER BY id LIMIT 1;

-- name_example_shop --
-- Name the example shop where no other is named. $1 checkout, $2 secrets to begin with.
UPDATE shop_settings
SET checkout_url = $1, secrets = CASE WHEN secrets = '{}' THEN $2 ELSE secrets END
WHERE checkout_url = '' OR checkout_url ~ '^http://127\.0\.0\.1:[0-9]+/checkout$';

-- move_example_hook --
-- The example shop listens on another port than before. $1 url.
UPDATE webhook_endpoints SET url = $1, failures = 0, next_at = '-infinity'
WHERE url ~ '^http://127\.0\.0\.1:[0-9]+/hook$' AND removed_at IS NULL;

-- add_example_hook --
-- $1 url, $2 secrets.
INSERT INTO webhook_endpoints (url, secrets, after)
VALUES ($1, $2, (SELECT coalesce(max(number), 0) FROM webhook_events));

-- example_secrets --
-- What the example shop has to know.
SELECT (SELECT secrets FROM shop_settings) AS shared,
       (SELECT secrets FROM webhook_endpoints
        WHERE url ~ '^http://127\.0\.0\.1:[0-9]+/hook$' AND removed_at IS NULL
        ORDER BY id LIMIT 1) AS endpoint;

-- add_product --
-- $1 title, $2 about, $3 code, $4 pictures, $5 per person, $6 source, $7 host.
INSERT INTO products (title, about, code, currency, pictures, per_person, source, created_by)
VALUES ($1, $2, $3, 'JPY', $4, $5, $6, $7) RETURNING id;

-- add_variant --
-- $1 product, $2 place, $3 title, $4 code, $5 sku, $6 price, $7 former price, $8 stock.
INSERT INTO variants (product_id, place, title, code, sku, price, was_price, total)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- add_to_rundown --
-- $1 broadcast, $2 product, $3 place, $4 when it is planned.
INSERT INTO rundown (broadcast_id, product_id, place, planned_at) VALUES ($1, $2, $3, $4);

-- pin --
-- $1 room, $2 broadcast, $3 product, $4 second of the broadcast, $5 time.
INSERT INTO product_pins (room_id, broadcast_id, product_id, second, pinned_at)
VALUES ($1, $2, $3, $4, $5);
