-- Voids the sessions of a publisher below a version; a smaller one never replaces a larger.
-- KEYS[1] session:VIEWER; ARGV[1] the version; [2] seconds that the key lives at least.
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or 0)
if tonumber(ARGV[1]) > version then
  redis.call('HSET', KEYS[1], 'version', ARGV[1])
end
if redis.call('EXPIRE', KEYS[1], ARGV[2], 'NX') == 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[2], 'GT')
end
return 0
