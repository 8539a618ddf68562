-- Reads where a channel stands and what its window holds, in one step.
--
-- KEYS   1 channel (hash)      2 window (stream)
-- ARGV   1 read what comes after this offset, or -1: the newest      2 at most, 0 for all
--
-- Answers epoch, top (0 and 0 when nothing is known) and the payloads in order.

local state = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
if not state[1] then return {0, 0, {}} end
local found
local after, most = tonumber(ARGV[1]), tonumber(ARGV[2])
if after < 0 then
  found = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', most)
elseif most > 0 then
  found = redis.call('XRANGE', KEYS[2], string.format('%.0f-0', after + 1), '+', 'COUNT', most)
else
  found = redis.call('XRANGE', KEYS[2], string.format('%.0f-0', after + 1), '+')
end
local payloads = {}
for i, entry in ipairs(found) do
  payloads[after < 0 and #found + 1 - i or i] = entry[2][2]
end
return {tonumber(state[1]), tonumber(state[2]), payloads}
