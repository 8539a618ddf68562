-- Takes somebody off the list of those who wait.
--
-- ARGV   6 variant      7 person
--
-- Answers ok or none.

if stale then return {'stale'} end
local known = redis.call('HGET', waiters, ARGV[6] .. ':' .. ARGV[7])
if not known then return {'none'} end
if late then return {'too_late'} end
local waiter = cmsgpack.unpack(known)
forget_waiter(waiter)
entry('waiting.left', waiter, '')
return {'ok'}
