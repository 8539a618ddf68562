-- insert_member --
-- Add a member. $1 name, $2 name_key, $3 password_hash, $4 rank, $5 language, $6 is_demo.
INSERT INTO members (name, name_key, password_hash, rank, language, is_demo)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
RETURNING id;

-- member --
-- One member, deleted ones too. $1 id.
SELECT id, name, rank, language, about, created_at, session_version, is_demo,
       deleted_at IS NOT NULL AS deleted
FROM members WHERE id = $1;

-- member_by_key --
-- What signing in needs. $1 name_key.
SELECT id, password_hash FROM members WHERE name_key = $1 AND deleted_at IS NULL;

-- list_members --
-- A page of members by name, staff first. $1 part of a name or '', $2 limit, $3 skip.
SELECT id, name, rank, language, about, created_at, session_version, is_demo,
       deleted_at IS NOT NULL AS deleted
FROM members
WHERE deleted_at IS NULL AND ($1 = '' OR strpos(lower(name), lower($1)) > 0)
ORDER BY rank DESC, name, id LIMIT $2 OFFSET $3;

-- password_of --
-- The stored hash. $1 id.
SELECT password_hash FROM members WHERE id = $1 AND deleted_at IS NULL;

-- set_password --
-- Change a password. $1 id, $2 hash.
UPDATE members SET password_hash = $2 WHERE id = $1 AND deleted_at IS NULL;

-- bump_version --
-- Void every token that was given out. $1 id.
UPDATE members SET session_version = session_version + 1 WHERE id = $1 RETURNING session_version;

-- set_rank --
-- Give a role. $1 id, $2 rank.
UPDATE members SET rank = $2 WHERE id = $1 AND deleted_at IS NULL;

-- lock_owners --
-- The owners, locked so that the last one cannot leave twice at once.
SELECT id FROM members WHERE rank >= 60 AND deleted_at IS NULL ORDER BY id FOR UPDATE;

-- has_owner --
-- Whether somebody owns this community.
SELECT EXISTS (SELECT FROM members WHERE rank >= 60 AND deleted_at IS NULL);

-- set_profile --
-- Change what a member says of themselves. $1 id, $2 language, $3 about.
UPDATE members SET language = $2, about = $3 WHERE id = $1 AND deleted_at IS NULL;

-- rename --
-- Change a name. $1 id, $2 name, $3 name_key.
UPDATE members SET name = $2, name_key = $3 WHERE id = $1 AND deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM members WHERE name_key = $3 AND id <> $1 AND deleted_at IS NULL);

-- forget_member --
-- Empty a member's row; messages keep pointing at it. $1 id.
UPDATE members SET name = 'deleted', name_key = 'deleted ' || id, password_hash = NULL, about = '',
       rank = 20, deleted_at = now()
WHERE id = $1 AND deleted_at IS NULL;

-- forget_names --
-- Take the names of deleted members off what they wrote, also what was saved after they left.
UPDATE messages m SET author_name = ''
FROM members d WHERE d.id = m.member_id AND d.deleted_at IS NOT NULL AND m.author_name <> '';

-- begin_session --
-- Sign a browser in. $1 token_hash, $2 member, $3 days, $4 user agent.
INSERT INTO sessions (token_hash, member_id, expires_at, user_agent)
VALUES ($1, $2, now() + make_interval(days => $3), $4);

-- session_member --
-- Who a session belongs to. $1 token_hash.
SELECT m.id, m.name, m.rank, m.session_version, m.language, m.created_at
FROM sessions s JOIN members m ON m.id = s.member_id
WHERE s.token_hash = $1 AND s.expires_at > now() AND m.deleted_at IS NULL;

-- end_session --
-- Sign a browser out. $1 token_hash.
DELETE FROM sessions WHERE token_hash = $1;

-- end_sessions --
-- Sign a member out everywhere. $1 member, $2 a token_hash that stays, or null.
DELETE FROM sessions WHERE member_id = $1 AND token_hash IS DISTINCT FROM $2;

-- drop_old_sessions --
-- Forget sessions and links that nobody can use any more.
WITH links AS (DELETE FROM one_time_links WHERE expires_at < now() - interval '7 days')
DELETE FROM sessions WHERE expires_at < now();

-- insert_link --
-- Make a one-time link. $1 token_hash, $2 purpose, $3 member, $4 hours.
INSERT INTO one_time_links (token_hash, purpose, member_id, expires_at)
VALUES ($1, $2, $3, now() + make_interval(hours => $4));

-- void_links --
-- Void the unused links of a purpose and member. $1 purpose, $2 member or null.
DELETE FROM one_time_links
WHERE purpose = $1 AND member_id IS NOT DISTINCT FROM $2 AND used_at IS NULL;

-- link --
-- An unused link that is still good. $1 token_hash, $2 purpose.
SELECT member_id FROM one_time_links
WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now();

-- use_link --
-- Use a link up; no row when somebody did already. $1 token_hash, $2 purpose.
UPDATE one_time_links SET used_at = now()
WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now()
RETURNING member_id;

-- own_messages --
-- Everything a member wrote, for the export. $1 member.
SELECT m.id, r.title AS room, m.at, m.text, m.is_question, m.state, m.edited_at
FROM messages m JOIN rooms r ON r.id = m.room_id
WHERE m.member_id = $1 ORDER BY m.at;

-- newest_messages --
-- A member's newest messages for the profile. $1 member, $2 limit.
SELECT m.id, r.id AS room_id, r.slug, r.title AS room, r.kind, m.at, m.text, m.is_question, m.state
FROM messages m JOIN rooms r ON r.id = m.room_id
WHERE m.member_id = $1 AND m.state NOT IN ('deleted') ORDER BY m.at DESC LIMIT $2;

-- own_reactions --
-- A member's reactions, for the export. $1 viewer id.
SELECT room_id, message_id, kind, at FROM reactions WHERE viewer = $1 AND NOT removed ORDER BY at;
