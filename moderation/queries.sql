-- add_audit --
-- One row for an act; nothing comes back for one that is recorded already.
INSERT INTO audit_log (id, at, actor, actor_name, actor_rank, action, person, person_name,
                       room_id, message_id, text, reason, details)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (id) DO NOTHING RETURNING id;

-- audit_exists --
-- Whether an act is recorded.
SELECT 1 FROM audit_log WHERE id = $1;

-- audit_row --
-- One act, locked so that only one undoes it.
SELECT * FROM audit_log WHERE id = $1 FOR UPDATE;

-- mark_undone --
-- The act that took another one back.
UPDATE audit_log SET undone_by = $2, undone_name = $3 WHERE id = $1;

-- audit_page --
-- Acts, the newest first; each filter may be null; before a place (at, id); by people only.
SELECT * FROM audit_log
WHERE ($1::bigint IS NULL OR room_id = $1) AND ($2::text IS NULL OR actor = $2)
  AND ($3::text IS NULL OR person = $3) AND ($4::text IS NULL OR action = $4)
  AND ($5::timestamptz IS NULL OR (at, id) < ($5, $6::uuid))
  AND (NOT $8::boolean OR actor <> 'system')
ORDER BY at DESC, id DESC LIMIT $7;

-- actor_today --
-- How much somebody did since a time, and took back.
SELECT count(*) AS done, count(*) FILTER (WHERE undone_by IS NOT NULL) AS undone
FROM audit_log WHERE actor = $1 AND at >= $2;

-- member --
-- A member's name and rank.
SELECT name, rank FROM members WHERE id = $1;

-- guest_name --
-- A guest's name.
SELECT name FROM guests WHERE id = $1;

-- staff --
-- Everybody who moderates or more.
SELECT id, name, name_key, rank FROM members WHERE rank >= $1 AND deleted_at IS NULL;

-- lock_person --
-- Two acts on one person, one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('sanction ' || $1, 0));

-- address_key --
-- The key of address hashes.
SELECT key FROM address_key;

-- add_sanction --
-- A new sanction; nothing comes back for one that is there.
INSERT INTO sanctions (id, person, person_name, room_id, kind, reason, until, by_id, by_name, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (id) DO NOTHING RETURNING id;

-- add_sanction_addresses --
-- The addresses from which a guest wrote lately inherit the sanction.
INSERT INTO sanction_addresses (sanction_id, address_hash)
SELECT $1, address_hash FROM guest_addresses
WHERE guest_id = $2 AND seen_at > $3::timestamptz - interval '7 days'
ON CONFLICT DO NOTHING;

-- late_addresses --
-- Addresses that were saved after the sanction of their guest.
WITH late AS (
    INSERT INTO sanction_addresses (sanction_id, address_hash)
    SELECT s.id, v.address_hash FROM unnest($1::text[], $2::bytea[]) AS v (guest_id, address_hash)
    JOIN sanctions s ON s.person = v.guest_id AND s.revoked_at IS NULL
                     AND s.at > now() - interval '10 minutes'
    ON CONFLICT DO NOTHING RETURNING sanction_id)
UPDATE sanctions SET changed_at = now() WHERE id IN (SELECT sanction_id FROM late);

-- revoke_sanctions --
-- Lift these sanctions.
UPDATE sanctions SET revoked_at = $2, changed_at = now()
WHERE id = ANY($1::uuid[]) AND revoked_at IS NULL RETURNING id, person, room_id, kind;

-- reinstate_sanctions --
-- Put lifted sanctions in force again.
UPDATE sanctions SET revoked_at = NULL, changed_at = now()
WHERE id = ANY($1::uuid[]) AND revoked_at IS NOT NULL RETURNING id, person, room_id, kind;

-- sanctions_of --
-- What holds for a person, of these kinds, in exactly this room or (null) everywhere.
SELECT id, kind, until, reason FROM sanctions
WHERE person = $1 AND kind = ANY($2::text[]) AND room_id IS NOT DISTINCT FROM $3::bigint
  AND revoked_at IS NULL AND coalesce(until, 'infinity') > $4;

-- active_sanctions --
-- Everything in force, for a process that starts.
SELECT s.id, s.person, s.room_id, s.kind, s.until, s.reason, s.revoked_at, s.changed_at,
       array_remove(array_agg(a.address_hash), NULL) AS addresses
FROM sanctions s LEFT JOIN sanction_addresses a ON a.sanction_id = s.id
WHERE s.revoked_at IS NULL AND coalesce(s.until, 'infinity') > $1
GROUP BY s.id;

-- changed_sanctions --
-- What changed since a process last read; some of it again, as commits come late.
SELECT s.id, s.person, s.room_id, s.kind, s.until, s.reason, s.revoked_at, s.changed_at,
       array_remove(array_agg(a.address_hash), NULL) AS addresses
FROM sanctions s LEFT JOIN sanction_addresses a ON a.sanction_id = s.id
WHERE s.changed_at > $1::timestamptz - interval '10 seconds'
GROUP BY s.id;

-- denials --
-- Who may not publish in a room (null: everywhere), and lately lifted ones with null.
SELECT person, max(CASE WHEN revoked_at IS NULL THEN coalesce(until, 'infinity') END) AS until
FROM (SELECT person, until, revoked_at FROM sanctions
      WHERE revoked_at IS NULL AND coalesce(until, 'infinity') > $2
        AND kind <> 'shadow' AND room_id IS NOT DISTINCT FROM $1::bigint
      UNION ALL
      SELECT person, until, revoked_at FROM sanctions
      WHERE revoked_at > $2::timestamptz - interval '1 day' AND changed_at > now() - interval '2 days'
        AND kind <> 'shadow' AND room_id IS NOT DISTINCT FROM $1::bigint) AS found
GROUP BY person;

-- guest_addresses --
-- From where guests wrote.
INSERT INTO guest_addresses (guest_id, address_hash, seen_at)
SELECT DISTINCT ON (guest_id, address_hash) guest_id, address_hash, seen_at
FROM unnest($1::text[], $2::bytea[], $3::timestamptz[]) AS v (guest_id, address_hash, seen_at)
ORDER BY guest_id, address_hash, seen_at DESC
ON CONFLICT (guest_id, address_hash)
DO UPDATE SET seen_at = greatest(guest_addresses.seen_at, excluded.seen_at)
WHERE guest_addresses.seen_at < excluded.seen_at - interval '1 hour';

-- forget_addresses --
-- Addresses older than 30 days.
DELETE FROM guest_addresses WHERE seen_at < $1::timestamptz - interval '30 days';

-- settings --
-- What the staff decided about links and new people.
SELECT value FROM settings WHERE name = 'moderation';

-- save_settings --
-- Decide anew.
INSERT INTO settings (name, value) VALUES ('moderation', $1)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now();

-- guard --
-- Whether the community is guarded against a raid.
SELECT value FROM settings WHERE name = 'moderation_guard';

-- save_guard --
-- Guard it, or no longer.
INSERT INTO settings (name, value) VALUES ('moderation_guard', $1)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now();

-- lock_words --
-- Two changes of the filters, one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('word filters', 0));

-- words --
-- The whole list.
SELECT id, word, action, language, added_name, added_at FROM word_filters ORDER BY id;

-- count_words --
-- How long the list is.
SELECT count(*) FROM word_filters;

-- word_by_key --
-- A listed word by its folded form.
SELECT id, word, action FROM word_filters WHERE word_key = $1;

-- add_word --
-- A new word, or another action for a listed one.
INSERT INTO word_filters (word, word_key, action, language, added_by, added_name)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (word_key) DO UPDATE SET word = excluded.word, action = excluded.action
RETURNING id;

-- remove_words --
-- Take words off the list.
DELETE FROM word_filters WHERE id = ANY($1::bigint[]) RETURNING word, action;

-- remove_keys --
-- Take words off the list by their folded forms.
DELETE FROM word_filters WHERE word_key = ANY($1::text[]);

-- recent_messages --
-- The newest visible messages of the rooms, for trying a word.
SELECT m.author_name, m.text, m.at
FROM (SELECT id FROM rooms ORDER BY id DESC LIMIT 50) r
CROSS JOIN LATERAL (SELECT author_name, text, at FROM messages
                    WHERE room_id = r.id AND state = 'visible'
                    ORDER BY epoch DESC, "offset" DESC LIMIT 200) m
ORDER BY m.at DESC LIMIT 2000;

-- left_behind --
-- Whether the outbox still holds something of this lane.
SELECT 1 FROM outbox WHERE lane = $1 LIMIT 1;

-- mark_lifted --
-- The acts whose sanctions are lifted count as undone (a sanction has the id of its act).
UPDATE audit_log SET undone_by = $2, undone_name = $3
WHERE id = ANY($1::uuid[]) AND undone_by IS NULL;

-- message --
-- A message that a moderator acts on.
SELECT m.id, m.author, m.author_name, m.author_rank, m.client_message_id, m.text, m.reply_to,
       r.author_name AS reply_name, m.is_question, m.state
FROM messages m LEFT JOIN messages r ON r.room_id = m.room_id AND r.id = m.reply_to
WHERE m.room_id = $1 AND m.id = $2;

-- audit_message --
-- The message that an act was about.
SELECT action, room_id, message_id FROM audit_log WHERE id = $1;

-- last_hiding --
-- Who hid a message last, one by one or with all of its author.
SELECT id, action, actor, actor_name, actor_rank FROM audit_log
WHERE (message_id = $1 AND action = 'hide') OR (person = $2 AND action = 'purge')
ORDER BY at DESC LIMIT 1;

-- mark_unpurged --
-- The purges of a person count as undone.
UPDATE audit_log SET undone_by = $2, undone_name = $3
WHERE person = $1 AND action = 'purge' AND undone_by IS NULL;

-- rooms_of --
-- Where a person has spoken, and where a broadcast runs, so that nothing unsaved escapes.
SELECT room_id FROM (SELECT DISTINCT room_id FROM messages WHERE author = $1
                     UNION SELECT room_id FROM broadcasts WHERE state = 'live') AS found
ORDER BY room_id DESC LIMIT $2;

-- purge_reviews --
-- What a purged person still had waiting.
UPDATE reviews SET decision = 'purged', decided_by = $2, decided_name = $3, decided_at = $4
WHERE author = $1 AND decision IS NULL RETURNING id, room_id;

-- reopen_purged --
-- It waits again.
UPDATE reviews SET decision = NULL, decided_by = NULL, decided_name = NULL, decided_at = NULL
WHERE author = $1 AND decision = 'purged';

-- now --
-- The time of this transaction.
SELECT now();

-- count_waiting --
-- How many messages of an author wait.
SELECT count(*) FROM reviews WHERE author = $1 AND decision IS NULL;

-- add_review --
-- A message waits.
INSERT INTO reviews (id, kind, room_id, message_id, author, author_name, author_rank, text,
                     rule, word, spans, silent, release, held_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (id) DO NOTHING;

-- review --
-- One item, locked, so that only one decides.
SELECT * FROM reviews WHERE id = $1 FOR UPDATE;

-- claim --
-- Somebody looks at it.
UPDATE reviews SET claimed_by = $2, claimed_name = $3, claimed_at = $4 WHERE id = $1;

-- decide --
-- It waits no longer.
UPDATE reviews SET decision = $2, decided_by = $3, decided_name = $4, decided_at = $5
WHERE id = $1;

-- reopen --
-- It waits again.
UPDATE reviews SET decision = NULL, decided_by = NULL, decided_name = NULL, decided_at = NULL
WHERE id = $1;

-- withdraw --
-- Its author took the message back.
UPDATE reviews SET decision = 'withdrawn', decided_at = now()
WHERE room_id = $1 AND message_id = $2 AND decision IS NULL RETURNING id, room_id;

-- set_rejected --
-- A held message that is never published.
UPDATE messages SET state = 'rejected' WHERE room_id = $1 AND id = $2 AND state = 'held';

-- set_held --
-- A rejected message waits again.
UPDATE messages SET state = 'held' WHERE room_id = $1 AND id = $2 AND state = 'rejected';

-- waiting --
-- The queue of a room (null: of all rooms), the oldest first.
SELECT * FROM reviews WHERE decision IS NULL AND ($1::bigint IS NULL OR room_id = $1)
ORDER BY held_at LIMIT $2;

-- count_queue --
-- How many wait in each room.
SELECT room_id, count(*) AS held FROM reviews WHERE decision IS NULL GROUP BY room_id;

-- count_reports --
-- How many messages a person reported since a time.
SELECT count(*) FROM reports WHERE reporter = $1 AND at > $2;

-- add_report --
-- A report; nothing comes back for a second one of the same person.
INSERT INTO reports (room_id, message_id, reporter, reason, note, author, author_name, text, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT DO NOTHING RETURNING reporter;

-- count_open --
-- How many open reports a message has.
SELECT count(*) FROM reports WHERE room_id = $1 AND message_id = $2 AND outcome IS NULL;

-- open_reports --
-- Reported messages of a room (null: of all rooms), the newest report first.
SELECT room_id, message_id, author, author_name, text, count(*) AS count, max(at) AS at,
       array_agg(DISTINCT reason) AS reasons, array_remove(array_agg(nullif(note, '')), NULL) AS notes
FROM reports WHERE outcome IS NULL AND ($1::bigint IS NULL OR room_id = $1)
GROUP BY room_id, message_id, author, author_name, text ORDER BY max(at) DESC LIMIT $2;

-- resolve_reports --
-- Settle the reports on a message.
UPDATE reports SET outcome = $3, resolved_by = $4, resolved_name = $5, resolved_at = $6
WHERE room_id = $1 AND message_id = $2 AND outcome IS NULL
RETURNING reporter, author, author_name, text;

-- reopen_reports --
-- They are open again.
UPDATE reports SET outcome = NULL, resolved_by = NULL, resolved_name = NULL, resolved_at = NULL
WHERE room_id = $1 AND message_id = $2 AND reporter = ANY($3::text[]);

-- add_note --
-- A note on a person.
INSERT INTO person_notes (id, person, text, by_id, by_name, at) VALUES ($1, $2, $3, $4, $5, $6);

-- remove_note --
-- Take it away.
UPDATE person_notes SET removed_at = $2 WHERE id = $1;

-- notes_of --
-- The notes on a person, the newest first.
SELECT id, text, by_name, at FROM person_notes
WHERE person = $1 AND removed_at IS NULL ORDER BY at DESC LIMIT 20;

-- counts_of --
-- What a person did, in numbers.
SELECT (SELECT count(*) FROM messages WHERE author = $1) AS messages,
       (SELECT count(*) FROM messages WHERE author = $1 AND state = 'hidden') AS hidden,
       (SELECT count(*) FROM sanctions WHERE person = $1) AS sanctions,
       (SELECT count(*) FROM reports WHERE author = $1) AS reports;

-- history_of --
-- What was decided about a person, the newest first.
SELECT id, at, actor, actor_name, action, reason, details, undone_by, text, room_id
FROM audit_log WHERE person = $1 AND action NOT IN ('note', 'undo')
ORDER BY at DESC, id DESC LIMIT 20;

-- messages_of --
-- What a person said last, wherever it was.
SELECT m.id, m.room_id, r.title, m.text, m.state, m.at FROM messages m
JOIN rooms r ON r.id = m.room_id
WHERE m.author = $1 AND m.state <> 'deleted' ORDER BY m.at DESC LIMIT $2;

-- joined --
-- When a member joined, in which language.
SELECT created_at, language FROM members WHERE id = $1;

-- guest_joined --
-- When a guest first wrote.
SELECT created_at FROM guests WHERE id = $1;

-- holding --
-- The sanctions that hold for a person.
SELECT id, room_id, kind, until, reason, by_name, at FROM sanctions
WHERE person = $1 AND revoked_at IS NULL AND coalesce(until, 'infinity') > $2 ORDER BY at DESC;

-- feed --
-- The newest messages of a room with hidden ones, who hid them, and how often they are reported.
SELECT m.id, m.author, m.author_name, m.author_rank, m.text, m.state, m.is_question, m.at,
       m.epoch, m."offset", h.actor_name AS hidden_by,
       (SELECT count(*) FROM reports r
        WHERE r.room_id = m.room_id AND r.message_id = m.id AND r.outcome IS NULL) AS reports
FROM (SELECT * FROM messages
      WHERE room_id = $1 AND "offset" IS NOT NULL AND state IN ('visible', 'hidden')
        AND ($2::text IS NULL OR text ILIKE $2 OR author_name ILIKE $2)
      ORDER BY epoch DESC, "offset" DESC LIMIT $3) m
LEFT JOIN LATERAL (SELECT actor_name FROM audit_log
                   WHERE m.state = 'hidden' AND ((message_id = m.id AND action = 'hide')
                         OR (person = m.author AND action = 'purge'))
                   ORDER BY at DESC LIMIT 1) h ON true
ORDER BY m.epoch, m."offset";
