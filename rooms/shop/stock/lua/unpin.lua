-- Takes back what claim.lua did, when the payment could not be written down.
--
-- ARGV   6 id
--
-- Answers ok or none.

if stale then return {'stale'} end
local packed = redis.call('HGET', holds, ARGV[6])
if not packed then return {'none'} end
local hold = cmsgpack.unpack(packed)
hold.pinned = nil
redis.call('HSET', holds, hold.id, cmsgpack.pack(hold))
return {'ok'}
