-- Keeps a hold while its payment is written down, or takes the stock again for one that has ended.
--
-- ARGV   6 the hold as it was fixed        7 whether an ended one may be taken again, 0/1
--
-- Answers held, again, or gone.

if stale then return {'stale'} end
if late then return {'too_late'} end
local fixed = cmsgpack.unpack(ARGV[6])
local packed = redis.call('HGET', holds, fixed.id)
if packed then
  local hold = cmsgpack.unpack(packed)
  hold.pinned = true
  hold['until'] = math.max(hold['until'], now + PIN)
  redis.call('HSET', holds, hold.id, cmsgpack.pack(hold))
  redis.call('ZADD', due, hold['until'], hold.id)
  return {'held'}
end
if ARGV[7] == '0' or stopped then return {'gone'} end

expire_due(20)
local level = level_of(fixed.variant)
if not level or level.left < fixed.quantity then return {'gone'} end
if allowed(people, cap, fixed.person) < fixed.quantity then return {'gone'} end
if sale and fixed.sale == sale.id then
  if sale_left() < fixed.quantity then return {'gone'} end
  if allowed(shoppers, sale.per_person, fixed.person) < fixed.quantity then return {'gone'} end
end

fixed.pinned = true
hold_it(fixed, PIN, 'claimed')
return {'again'}
