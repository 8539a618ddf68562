-- Builds a product anew from the database, after a restart of Redis or when nothing is known of it.
--
-- ARGV   6 the truth (see truth.lua), with holds (those that the database knows), waiters,
--          done (ids that became orders lately), seq      7 epoch
--
-- Answers ok, or already (somebody else did, and no older epoch).

if not stale and epoch >= tonumber(ARGV[7]) then return {'already'} end
if late then return {'too_late'} end
local truth = cmsgpack.unpack(ARGV[6])
redis.call('DEL', product, holds, due, people, shoppers, waiting, waiters, done)
epoch, sale = tonumber(ARGV[7]), nil
redis.call('HSET', product, 'generation', generation, 'epoch', ARGV[7], 'seq', truth.seq, 'offset', 0)
for _, hold in ipairs(truth.holds) do
  hold.epoch, hold.offset = epoch, 0
  store(hold)
end
for _, waiter in ipairs(truth.waiters) do
  redis.call('HSET', waiters, waiter.variant .. ':' .. waiter.person, cmsgpack.pack(waiter))
  redis.call('ZADD', waiting, 0, string.format('%s:%016.0f:%s', waiter.variant, waiter.seq, waiter.person))
end
for _, id in ipairs(truth.done) do redis.call('HSET', done, id, 1) end
redis.call('PEXPIRE', done, 86400000)
local variants = set_truth(truth)
for _, variant in ipairs(variants) do
  redis.call('HINCRBY', product, 'held:' .. variant, 0)
end
expire_due(500)
for _, variant in ipairs(variants) do serve(variant) end
return {'ok'}
