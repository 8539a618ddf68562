-- one_numbers --
-- Let one worker give numbers at a time; false while another does.
SELECT pg_try_advisory_xact_lock(hashtextextended('webhook numbers', 0));

-- give_numbers --
-- Put what was committed in the order in which endpoints get it. $1 how many at most.
UPDATE webhook_events e SET number = placed.number
FROM (
    SELECT written, nextval('webhook_numbers') AS number
    FROM (
        SELECT written FROM webhook_events WHERE number IS NULL ORDER BY written LIMIT $1
    ) AS open
) AS placed
WHERE e.written = placed.written AND e.number IS NULL;

-- take_endpoints --
-- Lease endpoints that have something to get. $1 now, $2 until when, $3 how many at most.
UPDATE webhook_endpoints SET lease = gen_random_uuid(), leased_until = $2
WHERE id IN (
    SELECT p.id FROM webhook_endpoints p
    WHERE p.removed_at IS NULL AND p.leased_until <= $1
      AND (EXISTS (SELECT FROM webhook_again a WHERE a.endpoint_id = p.id)
           OR (NOT p.paused AND p.next_at <= $1
               AND EXISTS (SELECT FROM webhook_events e WHERE e.number > p.after)))
    ORDER BY p.leased_until LIMIT $3 FOR UPDATE SKIP LOCKED
)
RETURNING id, url, secrets, lease;

-- hold_endpoint --
-- Keep a lease, and read what may have been changed meanwhile. $1 endpoint, $2 lease, $3 until when, $4 now.
UPDATE webhook_endpoints SET leased_until = $3
WHERE id = $1 AND lease = $2 AND removed_at IS NULL
RETURNING url, secrets, after, failures, NOT paused AND next_at <= $4 AS due;

-- give_back --
-- End a lease. $1 endpoint, $2 lease.
UPDATE webhook_endpoints SET lease = NULL, leased_until = '-infinity' WHERE id = $1 AND lease = $2;

-- events_for --
-- The next events that an endpoint wants. $1 endpoint, $2 how many at most.
SELECT e.id, e.number, e.kind, e.product_id, e.body,
       (extract(epoch FROM e.created_at) * 1000)::bigint AS at
FROM webhook_events e JOIN webhook_endpoints p ON p.id = $1
WHERE e.number > p.after AND (p.kinds = '{}' OR e.kind = ANY (p.kinds))
ORDER BY e.number LIMIT $2;

-- newest_number --
-- The number of the newest event.
SELECT coalesce(max(number), 0) FROM webhook_events;

-- events_again --
-- What an endpoint is to get once more. $1 endpoint, $2 how many at most.
SELECT e.id, coalesce(e.number, 0) AS number, e.kind, e.product_id, e.body,
       (extract(epoch FROM e.created_at) * 1000)::bigint AS at
FROM webhook_again a JOIN webhook_events e ON e.id = a.event_id
WHERE a.endpoint_id = $1 ORDER BY a.asked_at LIMIT $2;

-- done_again --
-- Forget that something was to be sent once more. $1 endpoint, $2 event.
DELETE FROM webhook_again WHERE endpoint_id = $1 AND event_id = $2;

-- add_attempt --
-- Write down a try. $1 endpoint, $2 event, $3 at, $4 ms, $5 status, $6 error, $7 by hand.
INSERT INTO webhook_attempts (endpoint_id, event_id, at, ms, status, error, by_hand)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- advance --
-- An endpoint has everything up to a number. $1 endpoint, $2 lease, $3 number.
UPDATE webhook_endpoints SET after = greatest(after, $3), failures = 0, next_at = '-infinity'
WHERE id = $1 AND lease = $2;

-- postpone --
-- An endpoint did not take what came next. $1 endpoint, $2 lease, $3 failures, $4 when again.
UPDATE webhook_endpoints SET failures = $3, next_at = $4 WHERE id = $1 AND lease = $2;

-- count_missed --
-- Count with endpoints what they never took and is dropped now for its age. $1 older than this.
UPDATE webhook_endpoints p SET missed = missed + lost.count
FROM (
    SELECT p.id, count(*) AS count
    FROM webhook_endpoints p JOIN webhook_events e
      ON e.number > p.after AND e.created_at < $1 AND (p.kinds = '{}' OR e.kind = ANY (p.kinds))
    WHERE p.removed_at IS NULL GROUP BY p.id
) AS lost
WHERE p.id = lost.id;

-- drop_attempts --
-- Forget tries. $1 older than this.
DELETE FROM webhook_attempts WHERE at < $1;

-- drop_events --
-- Forget events. $1 older than this, $2 older than this while nobody is told anything.
DELETE FROM webhook_events
WHERE number IS NOT NULL
  AND (created_at < $1
       OR (created_at < $2
           AND NOT EXISTS (SELECT FROM webhook_endpoints WHERE removed_at IS NULL)));

-- drop_received --
-- Forget what was received. $1 older than this.
DELETE FROM webhook_received WHERE at < $1;

-- settings_of_shop --
-- What the owner decided about the shop behind it, locked.
SELECT checkout_url, secrets FROM shop_settings FOR UPDATE;

-- save_checkout --
-- Where people pay. $1 address.
UPDATE shop_settings SET checkout_url = $1;

-- save_secrets --
-- What is shared with the shop. $1 secrets, the newest first.
UPDATE shop_settings SET secrets = $1;

-- add_endpoint --
-- Send to one more address, from now on. $1 url, $2 secrets, $3 kinds.
INSERT INTO webhook_endpoints (url, secrets, kinds, after)
VALUES ($1, $2, $3, (SELECT coalesce(max(number), 0) FROM webhook_events))
RETURNING id;

-- count_endpoints --
-- How many addresses there are.
SELECT count(*) FROM webhook_endpoints WHERE removed_at IS NULL;

-- lock_endpoint --
-- One endpoint, locked. $1 endpoint.
SELECT id, url, secrets, kinds FROM webhook_endpoints
WHERE id = $1 AND removed_at IS NULL FOR UPDATE;

-- save_endpoint --
-- Change an endpoint. $1 endpoint, $2 url, $3 kinds.
UPDATE webhook_endpoints SET url = $2, kinds = $3 WHERE id = $1;

-- save_endpoint_secrets --
-- Change what signs for an endpoint. $1 endpoint, $2 secrets.
UPDATE webhook_endpoints SET secrets = $2 WHERE id = $1;

-- pause_endpoint --
-- Stop sending in order, or go on at once. $1 endpoint, $2 whether it pauses.
UPDATE webhook_endpoints SET paused = $2, failures = 0, next_at = '-infinity' WHERE id = $1;

-- remove_endpoint --
-- Send there no more. $1 endpoint.
UPDATE webhook_endpoints SET removed_at = now(), lease = NULL, secrets = ARRAY['removed-endpoint']
WHERE id = $1;

-- drop_again --
-- Forget everything that was to be sent once more to an endpoint. $1 endpoint.
DELETE FROM webhook_again WHERE endpoint_id = $1;

-- skip_event --
-- Leave out what an endpoint is to get next, if it is this. $1 endpoint, $2 event.
UPDATE webhook_endpoints p
SET after = next.number, missed = p.missed + 1, failures = 0, next_at = '-infinity'
FROM (
    SELECT e.id, e.number FROM webhook_events e JOIN webhook_endpoints o ON o.id = $1
    WHERE e.number > o.after AND (o.kinds = '{}' OR e.kind = ANY (o.kinds))
    ORDER BY e.number LIMIT 1
) AS next
WHERE p.id = $1 AND next.id = $2 AND p.removed_at IS NULL;

-- ask_again --
-- Have an event sent once more. $1 endpoint, $2 event.
INSERT INTO webhook_again (endpoint_id, event_id)
SELECT p.id, e.id FROM webhook_endpoints p, webhook_events e
WHERE p.id = $1 AND e.id = $2 AND p.removed_at IS NULL
ON CONFLICT (endpoint_id, event_id) DO UPDATE SET asked_at = excluded.asked_at
RETURNING 1;

-- all_endpoints --
-- Every endpoint, with how many events it has still to get.
SELECT p.id, p.url, p.secrets, p.kinds, p.after, p.missed, p.failures, p.paused,
       (extract(epoch FROM p.created_at) * 1000)::bigint AS created,
       CASE WHEN p.failures > 0 THEN (extract(epoch FROM p.next_at) * 1000)::bigint END AS next,
       (SELECT count(*) FROM (
            SELECT FROM webhook_events e
            WHERE e.number > p.after AND (p.kinds = '{}' OR e.kind = ANY (p.kinds)) LIMIT 10000
        ) AS counted) AS waiting
FROM webhook_endpoints p WHERE p.removed_at IS NULL ORDER BY p.id;

-- attempts_of --
-- The newest tries of an endpoint. $1 endpoint, $2 before this id or NULL, $3 how many at most.
SELECT a.id, a.event_id, a.status, a.error, a.ms, a.by_hand,
       (extract(epoch FROM a.at) * 1000)::bigint AS at, e.kind, e.number, e.body
FROM webhook_attempts a JOIN webhook_events e ON e.id = a.event_id
WHERE a.endpoint_id = $1 AND a.id < coalesce($2, a.id + 1)
ORDER BY a.id DESC LIMIT $3;

-- claim_received --
-- Begin with what the shop told. $1 id, $2 kind, $3 body, $4 now, $5 taken for left behind if older.
INSERT INTO webhook_received AS r (id, kind, body, at) VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO UPDATE
SET kind = excluded.kind, body = excluded.body, at = excluded.at, refused = false, answer = NULL
WHERE (r.answer IS NULL AND r.at < $5) OR r.refused
RETURNING 1;

-- received --
-- What the shop told under an id. $1 id.
SELECT kind, body, answer, refused FROM webhook_received WHERE id = $1;

-- answer_received --
-- What it was answered. $1 id, $2 answer, $3 whether that was a refusal.
UPDATE webhook_received SET answer = $2, refused = $3 WHERE id = $1;

-- forget_received --
-- Leave it to a repetition. $1 id.
DELETE FROM webhook_received WHERE id = $1 AND answer IS NULL;

-- newest_received --
-- What the shop told lately. $1 how many at most.
SELECT id, kind, body, answer, refused, (extract(epoch FROM at) * 1000)::bigint AS at
FROM webhook_received ORDER BY at DESC LIMIT $1;
