-- Says how many viewers a channel has on all gateways, after noting those of one.
--
-- KEYS   1 viewers (hash: gateway to "count at")
-- ARGV   1 gateway, or empty only to read       2 its count      3 how long a note counts, ms

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if ARGV[1] ~= '' then
  if tonumber(ARGV[2]) > 0 then
    redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %.0f', ARGV[2], now))
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
  else
    redis.call('HDEL', KEYS[1], ARGV[1])
  end
end
local sum, notes = 0, redis.call('HGETALL', KEYS[1])
for i = 1, #notes, 2 do
  local count, at = string.match(notes[i + 1], '^(%d+) (%d+)$')
  if now - tonumber(at) < tonumber(ARGV[3]) then
    sum = sum + tonumber(count)
  elseif ARGV[1] ~= '' then
    redis.call('HDEL', KEYS[1], notes[i])
  end
end
return sum
