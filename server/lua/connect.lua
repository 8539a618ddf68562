-- Opens a session of a publisher, or renews it.
-- KEYS[1] session:VIEWER, a hash: `version`, `denied` (until, ms), and for each connection
--         `s:SESSION` -> `GATEWAY:NUMBER`.
-- ARGV[1] the session; [2] its holder, GATEWAY:NUMBER; [3] the most connections;
--     [4] the session version of the token; [5] seconds that the key lives;
--     [6..] the gateways that are alive (none: nobody knows yet, so none is taken for dead).
-- Answers {'ok'}, {'revoked'}, {'denied', until} or {'limit'}.
local mine = 's:' .. ARGV[1]
local live = {}
for i = 6, #ARGV do live[ARGV[i]] = true end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local version, denied, others = 0, 0, 0
local gone = {}
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local name, value = fields[i], fields[i + 1]
  if name == 'version' then
    version = tonumber(value)
  elseif name == 'denied' then
    denied = tonumber(value)
  elseif name ~= mine then
    -- A killed gateway cannot count its connections down.
    if #ARGV > 5 and not live[string.match(value, '^[^:]*')] then
      gone[#gone + 1] = name
    else
      others = others + 1
    end
  end
end
if version > tonumber(ARGV[4]) then return {'revoked'} end
if denied > now then return {'denied', denied} end
if others >= tonumber(ARGV[3]) then return {'limit'} end
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
redis.call('HSET', KEYS[1], mine, ARGV[2])
-- Never shorter than it is: a denial may have to last longer.
if redis.call('EXPIRE', KEYS[1], ARGV[5], 'NX') == 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[5], 'GT')
end
return {'ok'}
