-- Brings here what the database decided: an older version than what is known is left alone.
--
-- ARGV   6 the truth (see truth.lua), with ordered: ids of holds that became orders
--
-- Answers ok (how many holds no longer fit), old, or absent (nothing of this product is here).

if not state[1] then return {'absent'} end
if stale then return {'stale'} end
if late then return {'too_late'} end
local truth = cmsgpack.unpack(ARGV[6])
if tonumber(redis.call('HGET', product, 'version')) > truth.version then return {'old'} end

local DAY = 86400000
for _, id in ipairs(truth.ordered) do
  -- Within a day of a loss of Redis its key may be forgotten, and would reserve once more.
  if now - epoch < DAY then
    redis.call('HSET', done, id, 1)
    redis.call('PEXPIREAT', done, epoch + 2 * DAY)
  end
  local packed = redis.call('HGET', holds, id)
  if packed then let_go(cmsgpack.unpack(packed)) end
end
local variants, voided = set_truth(truth)
for _, variant in ipairs(variants) do serve(variant) end
return {'ok', voided}
