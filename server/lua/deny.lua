-- Refuses connections of a publisher until a time; the key lives at least as long.
-- KEYS[1] session:VIEWER; ARGV[1] until when, in ms, 0 lifts it; [2] seconds that the key lives.
if tonumber(ARGV[1]) == 0 then
  redis.call('HDEL', KEYS[1], 'denied')
  return 0
end
local time = redis.call('TIME')
local left = math.ceil(tonumber(ARGV[1]) / 1000) - tonumber(time[1])
redis.call('HSET', KEYS[1], 'denied', ARGV[1])
redis.call('EXPIRE', KEYS[1], string.format('%d', math.max(left, tonumber(ARGV[2]))))
return 0
