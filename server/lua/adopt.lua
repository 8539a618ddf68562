-- Takes a channel over into the running Redis: after a restart, whose lost tail must not reuse
-- offsets or let denied publishers back in, and when nothing is known of the channel.
--
-- KEYS   1 channel (hash)      2 window (stream)       3 denied here (hash)
--        4 denied everywhere   5 version of denied everywhere
--        then where answers are kept
-- ARGV   1 channel name        2 run_id the caller talks to        3 random part of the jump
--        4 version of denied everywhere when it was read, empty for none
--        5 min_rank            6 cooldown_ms           7 visibility
--        8 PUBLISH or SPUBLISH (then the name is KEYS[1])
--        9 reigns of other nodes of the Cluster, with spaces between: what one of them served comes
--          from it whole when its slot moves here, if
--       10 something was published later than this time (ms), and so since any node fell: it has
--          not come through one that took offsets with it
--       11 how long to remember an answer, ms     12 how many pairs are about this channel
--        then pairs of publisher and until (ms; what has passed lifts it): those of this channel,
--        then those of everywhere; and last an answer for each of the keys above
--
-- Answers adopted, already (somebody else did), or changed (what was read of the denials is old).

local channel, window, denied, everywhere, version = unpack(KEYS)
local JUMP, WINDOW_SECONDS, GAP = 1000000, 300, 16

-- As in publish.lua.
local generation = ARGV[2]
if ARGV[8] == 'SPUBLISH' then
  local info = redis.call('INFO', 'replication')
  local _, last = string.find(info, 'master_replid2:', 1, true)
  generation = generation .. ':' .. string.sub(info, last + 1, last + 40)
end

local state = redis.call('HMGET', channel, 'epoch', 'offset', 'generation', 'second')
if state[3] == generation then return 'already' end
if (redis.call('GET', version) or '') ~= ARGV[4] then return 'changed' end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local answers = #KEYS - 5
local here_end = 12 + 2 * tonumber(ARGV[12])
for i = 13, #ARGV - answers, 2 do
  local target = i <= here_end and denied or everywhere
  if tonumber(ARGV[i + 1]) > now then
    redis.call('HSET', target, ARGV[i], ARGV[i + 1])
  else
    redis.call('HDEL', target, ARGV[i])
  end
end

for i = 1, answers do
  redis.call('SET', KEYS[5 + i], ARGV[#ARGV - answers + i], 'NX', 'PX', ARGV[11])
end

redis.call('HSET', channel, 'generation', generation, 'min_rank', ARGV[5], 'cooldown_ms', ARGV[6], 'visibility', ARGV[7])
if not state[1] then
  redis.call('DEL', window)
  redis.call('HSET', channel, 'epoch', now, 'offset', 0)
  return 'adopted'
end
if state[3] and string.find(' ' .. ARGV[9] .. ' ', ' ' .. state[3] .. ' ', 1, true) then
  local at = tonumber(state[4] or 0) * 1000
  local newest = redis.call('XREVRANGE', window, '+', '-', 'COUNT', 1)[1]
  if newest then at = math.max(at, (struct.unpack('>I8', newest[2][2], 17))) end
  if at > tonumber(ARGV[10]) then return 'adopted' end
end

local epoch, top = tonumber(state[1]), tonumber(state[2])
local offset = top + JUMP + tonumber(ARGV[3])
local first = string.format('%.0f', top + 1)
local payload = struct.pack('>I8I8I8I2', epoch, offset, now, GAP)
  .. struct.pack('B', 0) .. struct.pack('B', #first) .. first
redis.call('HSET', channel, 'offset', offset)
redis.call('XADD', window, string.format('%.0f-0', offset), 'p', payload)
redis.call('EXPIRE', window, WINDOW_SECONDS)
redis.call(ARGV[8], ARGV[8] == 'SPUBLISH' and channel or ARGV[1], payload)
return 'adopted'
