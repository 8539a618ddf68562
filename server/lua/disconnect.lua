-- Takes a connection off its publisher's count, unless a newer one has taken the session over.
-- KEYS[1] session:VIEWER; ARGV[1] the session; [2] its holder, GATEWAY:NUMBER.
local mine = 's:' .. ARGV[1]
if redis.call('HGET', KEYS[1], mine) == ARGV[2] then
  redis.call('HDEL', KEYS[1], mine)
end
return 0
