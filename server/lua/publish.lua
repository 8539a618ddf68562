-- Decides whether a publication may happen and, in the same step, gives it its place, records it
-- and sends it. Everything is checked before the first write: a script does not roll back.
--
-- KEYS   1 channel (hash)      2 window (stream)       3 denied here (hash)
--        4 denied everywhere   5 log (stream)          6 sent (what was answered before)
--        7 slow (last time of this publisher)          8 rate (last times of this publisher)
-- ARGV   1 channel name        2 run_id the caller talks to        3 deadline, ms of Redis time
--        4 envelope            5 flags                 6 publisher
--        7 key                 8 digest of the body    9 how long to remember the answer, ms
--       10 gated 0/1          11 rank                 12 paced 0/1
--       13 rate: at most      14 in so many ms        15 channel rate, a second
--       16 persist 0/1        17 private part         18 backlog cap
--       19 refuse on backlog 0/1                      20 PUBLISH, or SPUBLISH: then
--          the name is KEYS[1], which lies in the slot
--       and only when something of it is to be set:
--       21 publisher to deny, or empty                22 until, ms (0 lifts it)
--       23 min_rank, or empty                         24 cooldown_ms, or empty
--
-- Answers an array that begins with a word: ok, repeated (epoch, offset, at, key, unsaved follow),
-- conflict, too_late, stale, denied (until, channel or everywhere), rank (min_rank),
-- cooldown (ms), rate_limited (ms), channel_busy (ms), backlog.

local channel, window, denied, everywhere, log, sent, slow, rate = unpack(KEYS)
local publisher, key, digest = ARGV[6], ARGV[7], ARGV[8]
local WINDOW_LENGTH, WINDOW_SECONDS = 1000, 300

local before = redis.call('GET', sent)
if before then
  local same, epoch, offset, at, unsaved, first = string.match(before, '^(%x+) (%d+) (%d+) (%d+) (%d) (.*)$')
  if same ~= digest then return {'conflict'} end
  return {'repeated', tonumber(epoch), tonumber(offset), tonumber(at), first, tonumber(unsaved)}
end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if now > tonumber(ARGV[3]) then return {'too_late'} end

-- A node of a Cluster may have followed another meanwhile, and lost a tail to it, while it ran on and
-- kept its connections. Only a promotion sets what is asked here, each time to something new.
local generation = ARGV[2]
if ARGV[20] == 'SPUBLISH' then
  local info = redis.call('INFO', 'replication')
  local _, last = string.find(info, 'master_replid2:', 1, true)
  generation = generation .. ':' .. string.sub(info, last + 1, last + 40)
end

local state = redis.call('HMGET', channel, 'epoch', 'offset', 'generation', 'min_rank', 'cooldown_ms', 'second', 'count')
if state[3] ~= generation then return {'stale'} end
local epoch, offset = tonumber(state[1]), tonumber(state[2]) + 1
local cooldown = tonumber(state[5])
local second, count = math.floor(now / 1000), 0

local ended = false
if ARGV[10] == '1' then
  local until_here = tonumber(redis.call('HGET', denied, publisher) or 0)
  if until_here > now then return {'denied', until_here, 'channel'} end
  ended = until_here > 0
  local until_everywhere = tonumber(redis.call('HGET', everywhere, publisher) or 0)
  if until_everywhere > now then return {'denied', until_everywhere, 'everywhere'} end
  if tonumber(ARGV[11]) < tonumber(state[4]) then return {'rank', tonumber(state[4])} end
end

if ARGV[12] == '1' then
  if cooldown > 0 then
    local last = tonumber(redis.call('GET', slow) or 0)
    if now - last < cooldown then return {'cooldown', last + cooldown - now} end
  end
  local oldest = tonumber(redis.call('LINDEX', rate, tonumber(ARGV[13]) - 1) or 0)
  local period = tonumber(ARGV[14])
  if now - oldest < period then return {'rate_limited', oldest + period - now} end
end

if ARGV[10] == '1' then
  if tonumber(state[6]) == second then count = tonumber(state[7]) end
  if count >= tonumber(ARGV[15]) then return {'channel_busy', (second + 1) * 1000 - now} end
end

local unsaved = 0
if ARGV[16] == '1' and redis.call('XLEN', log) >= tonumber(ARGV[18]) then
  if ARGV[19] == '1' then return {'backlog'} end
  unsaved = 1
end

-- From here on it happens.
local payload = struct.pack('>I8I8I8I2', epoch, offset, now, tonumber(ARGV[5])) .. ARGV[4]
if ARGV[10] == '1' then
  redis.call('HSET', channel, 'offset', offset, 'second', second, 'count', count + 1)
else
  redis.call('HSET', channel, 'offset', offset)
end
redis.call('XADD', window, 'MAXLEN', '~', WINDOW_LENGTH, string.format('%.0f-0', offset), 'p', payload)
redis.call('EXPIRE', window, WINDOW_SECONDS)
if ARGV[16] == '1' and unsaved == 0 then
  redis.call('XADD', log, '*', 'c', ARGV[1], 'p', payload, 'x', ARGV[17])
end
redis.call('SET', sent, string.format('%s %.0f %.0f %.0f %d %s', digest, epoch, offset, now, unsaved, key), 'PX', ARGV[9])
if ARGV[12] == '1' then
  if cooldown > 0 then redis.call('SET', slow, now, 'PX', cooldown) end
  redis.call('LPUSH', rate, now)
  redis.call('LTRIM', rate, 0, tonumber(ARGV[13]) - 1)
  redis.call('PEXPIRE', rate, ARGV[14])
end
if ended then redis.call('HDEL', denied, publisher) end
if ARGV[21] then
  if ARGV[21] ~= '' then
    if tonumber(ARGV[22]) > now then
      redis.call('HSET', denied, ARGV[21], ARGV[22])
    else
      redis.call('HDEL', denied, ARGV[21])
    end
  end
  if ARGV[23] ~= '' then redis.call('HSET', channel, 'min_rank', ARGV[23]) end
  if ARGV[24] ~= '' then redis.call('HSET', channel, 'cooldown_ms', ARGV[24]) end
end
redis.call(ARGV[20], ARGV[20] == 'SPUBLISH' and channel or ARGV[1], payload)
return {'ok', epoch, offset, now, key, unsaved}
