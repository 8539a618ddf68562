-- forget_old --
-- What was shown long ago, and all but the newest of one person. $1 member.
DELETE FROM product_imports
WHERE created_at < now() - interval '7 days'
   OR id IN (SELECT id FROM product_imports WHERE member_id = $1 ORDER BY id DESC OFFSET 9);

-- keep --
-- $1 member, $2 file name, $3 format, $4 encoding, $5 rows, $6 what was planned.
INSERT INTO product_imports (member_id, name, format, encoding, rows, planned)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING id;

-- kept --
-- One's own. $1 id, $2 member.
SELECT * FROM product_imports WHERE id = $1 AND member_id = $2;

-- progress --
-- How far it was carried out, while nobody else does. $1 id.
SELECT done, result, confirmed_at FROM product_imports WHERE id = $1 FOR UPDATE;

-- carried_out --
-- So many are done; whoever confirms again goes on from there. $1 id, $2 done, $3 result, $4 all.
UPDATE product_imports
SET done = $2, result = $3, confirmed_at = CASE WHEN $4 THEN now() END WHERE id = $1;
