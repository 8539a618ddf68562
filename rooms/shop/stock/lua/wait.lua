-- Puts somebody on the list of those who wait, by the counter of reservations.
--
-- ARGV   6 who waits: id (of the reservation to come), variant, person, name, named, room, quantity
--        7 how many may wait
--
-- Answers ok (place from 1, 0 when it was offered at once), not_found, stopped, limit_reached, full.

if stale then return {'stale'} end
local waiter = cmsgpack.unpack(ARGV[6])
local member = waiter.variant .. ':' .. waiter.person
local known = redis.call('HGET', waiters, member)
if not known then
  if late then return {'too_late'} end
  if not level_of(waiter.variant) then return {'not_found'} end
  if redis.call('XLEN', log) >= tonumber(ARGV[5]) then return {'backlog'} end
  local mine = allowed(people, cap, waiter.person)
  if mine <= 0 then return {'limit_reached', cap, 0} end
  if redis.call('HLEN', waiters) >= tonumber(ARGV[7]) then return {'full'} end

  waiter.seq = redis.call('HINCRBY', product, 'seq', 1)
  waiter.at = now
  entry('waiting.joined', waiter, '')
  redis.call('HSET', waiters, member, cmsgpack.pack(waiter))
  redis.call('ZADD', waiting, 0, string.format('%s:%016.0f:%s', waiter.variant, waiter.seq, waiter.person))
  expire_due(20)
  serve(waiter.variant)
  if redis.call('HEXISTS', waiters, member) == 0 then return {'ok', 0} end
else
  waiter = cmsgpack.unpack(known)
end
local up_to = string.format('[%s:%016.0f:%s', waiter.variant, waiter.seq, waiter.person)
return {'ok', redis.call('ZLEXCOUNT', waiting, '[' .. waiter.variant .. ':', up_to)}
