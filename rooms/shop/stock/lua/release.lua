-- Lets a hold go; what is free then goes to the first who waits.
--
-- ARGV   6 id       7 person that asks, empty for the shop, which may also end one being paid      8 why
--
-- Answers ok, none, or pinned (it is being paid).

if stale then return {'stale'} end
local packed = redis.call('HGET', holds, ARGV[6])
if not packed then return {'none'} end
local hold = cmsgpack.unpack(packed)
if ARGV[7] ~= '' then
  if hold.person ~= ARGV[7] then return {'none'} end
  if hold.pinned then return {'pinned'} end
end
if late then return {'too_late'} end

let_go(hold)
entry('reservation.released', hold, ARGV[8])
serve(hold.variant)
return {'ok'}
