-- all_settings --
-- Everything the owner decided.
SELECT name, value FROM settings;

-- save_setting --
-- Decide one thing. $1 name, $2 value.
INSERT INTO settings (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now();
