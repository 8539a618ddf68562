-- Gives a hold as it is now.
--
-- ARGV   6 id
--
-- Answers ok (packed hold), or none.

if stale then return {'stale'} end
local packed = redis.call('HGET', holds, ARGV[6])
if packed then return {'ok', packed} end
return {'none'}
