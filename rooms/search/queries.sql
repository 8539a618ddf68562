-- comments --
-- The 100 likeliest messages that are no questions. $1 tsquery, $2 rooms that may be seen,
-- $3 author, $4 since, $5 until and $6 least id or null, $7 weights and $8 tsqueries of at most
-- six buckets.
SELECT m.room_id, m.id, m.text, 'message' AS kind
FROM messages m
WHERE m.tokens @@ $1::tsquery
  AND m.room_id = ANY ($2::bigint[])
  AND m.state = 'visible'
  AND ($3::text IS NULL OR m.author = $3)
  AND ($4::timestamptz IS NULL OR m.at >= $4)
  AND ($5::timestamptz IS NULL OR m.at < $5)
  AND ($6::uuid IS NULL OR m.id >= $6)
ORDER BY (coalesce(ts_rank(m.tokens, ($8::tsquery[])[1]) * ($7::float8[])[1], 0)
        + coalesce(ts_rank(m.tokens, ($8::tsquery[])[2]) * ($7::float8[])[2], 0)
        + coalesce(ts_rank(m.tokens, ($8::tsquery[])[3]) * ($7::float8[])[3], 0)
        + coalesce(ts_rank(m.tokens, ($8::tsquery[])[4]) * ($7::float8[])[4], 0)
        + coalesce(ts_rank(m.tokens, ($8::tsquery[])[5]) * ($7::float8[])[5], 0)
        + coalesce(ts_rank(m.tokens, ($8::tsquery[])[6]) * ($7::float8[])[6], 0))
        / ln(20 + length(m.tokens)) DESC, m.id
LIMIT 100;

-- questions --
-- The 100 likeliest questions, with their answers. $1 tsquery, $2 rooms that may be seen, $3 author
-- of either, $4 since and $5 until, $6 whether answered or null, $7 weights and $8 tsqueries of
-- at most six buckets.
SELECT q.room_id, q.id, concat_ws(E'\n', m.text, q.answer) AS text,
       CASE q.state WHEN 'answered' THEN 'answer' ELSE 'question' END AS kind
FROM questions q
JOIN messages m ON m.room_id = q.room_id AND m.id = q.id
WHERE q.tokens @@ $1::tsquery
  AND q.room_id = ANY ($2::bigint[])
  AND q.state <> 'dismissed'
  AND m.state = 'visible'
  AND ($3::text IS NULL OR m.author = $3 OR 'm' || q.answered_by = $3)
  AND ($4::timestamptz IS NULL OR q.asked_at >= $4 OR q.answered_at >= $4)
  AND ($5::timestamptz IS NULL OR q.asked_at < $5)
  AND ($6::boolean IS NULL OR (q.state = 'answered') = $6)
ORDER BY (coalesce(ts_rank(q.tokens, ($8::tsquery[])[1]) * ($7::float8[])[1], 0)
        + coalesce(ts_rank(q.tokens, ($8::tsquery[])[2]) * ($7::float8[])[2], 0)
        + coalesce(ts_rank(q.tokens, ($8::tsquery[])[3]) * ($7::float8[])[3], 0)
        + coalesce(ts_rank(q.tokens, ($8::tsquery[])[4]) * ($7::float8[])[4], 0)
        + coalesce(ts_rank(q.tokens, ($8::tsquery[])[5]) * ($7::float8[])[5], 0)
        + coalesce(ts_rank(q.tokens, ($8::tsquery[])[6]) * ($7::float8[])[6], 0))
        / ln(20 + length(q.tokens)) DESC, q.id
LIMIT 100;

-- places --
-- Where and by whom it was said. $1 rooms, $2 ids.
SELECT m.room_id, m.id, m.author, m.author_name, m.author_rank, m.text, m.at,
       r.slug AS room_slug, r.title AS room_title, r.kind AS room_kind,
       b.title AS broadcast_title, b.started_at, b.ended_at,
       q.votes, q.answer, q.answered_second, 'm' || q.answered_by AS answered_by,
       a.name AS answered_name, a.rank AS answered_rank
FROM unnest($1::bigint[], $2::uuid[]) AS wanted (room_id, id)
JOIN messages m USING (room_id, id)
JOIN rooms r ON r.id = m.room_id
LEFT JOIN broadcasts b ON b.id = m.broadcast_id
LEFT JOIN questions q ON q.room_id = m.room_id AND q.id = m.id AND q.state <> 'dismissed'
LEFT JOIN members a ON a.id = q.answered_by AND q.state = 'answered'
WHERE m.state = 'visible';

-- analysed --
-- When the statistics of messages were last made.
SELECT greatest(last_analyze, last_autoanalyze) FROM pg_stat_user_tables
WHERE relid = 'messages'::regclass;

-- statistics --
-- How often the commoner tokens occur, how many rows there were, and ids that part them evenly.
SELECT c.reltuples AS rows, t.most_common_elems::text::text[] AS tokens,
       t.most_common_elem_freqs AS shares, i.histogram_bounds::text::uuid[] AS moments
FROM pg_class c
LEFT JOIN pg_stats t ON t.schemaname = c.relnamespace::regnamespace::text
                    AND t.tablename = c.relname AND t.attname = 'tokens' AND NOT t.inherited
LEFT JOIN pg_stats i ON i.schemaname = c.relnamespace::regnamespace::text
                    AND i.tablename = c.relname AND i.attname = 'id' AND NOT i.inherited
WHERE c.oid = 'messages'::regclass;

-- texts --
-- Questions with their answers as they read now. $1 rooms, $2 ids.
SELECT q.room_id, q.id, m.text, q.answer
FROM unnest($1::bigint[], $2::uuid[]) AS wanted (room_id, id)
JOIN questions q USING (room_id, id)
JOIN messages m USING (room_id, id);

-- index_questions --
-- Store the tokens of questions. $1 rooms, $2 ids, $3 tokens.
UPDATE questions q SET tokens = v.tokens::tsvector
FROM unnest($1::bigint[], $2::uuid[], $3::text[]) AS v (room_id, id, tokens)
WHERE q.room_id = v.room_id AND q.id = v.id;

-- grown --
-- How many rows there are and how many came or changed since the last ANALYZE.
SELECT relname AS name, n_live_tup AS rows, n_mod_since_analyze AS changed,
       last_analyze IS NULL AND last_autoanalyze IS NULL AS never
FROM pg_stat_user_tables WHERE relid IN ('messages'::regclass, 'questions'::regclass);

-- fold --
-- Take the newest entries into an index, and give the pages that they filled. $1 its name.
SELECT gin_clean_pending_list(to_regclass($1::text));
