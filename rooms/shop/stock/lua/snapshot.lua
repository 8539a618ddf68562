-- Tells how the stock stands at one moment; with ARGV 6 = 1 the holds themselves are counted too.
--
-- Answers ok, and packed: version, now, stopped, seq, sale (id, left), variants (id, total, sold,
-- counter, held, waiting).

if not state[1] then return {'absent'} end
if stale then return {'stale'} end
local summed = {}
if ARGV[6] == '1' then
  for _, packed in ipairs(redis.call('HVALS', holds)) do
    local hold = cmsgpack.unpack(packed)
    summed[hold.variant] = (summed[hold.variant] or 0) + hold.quantity
  end
end
local variants = {}
for variant in string.gmatch(redis.call('HGET', product, 'variants'), '%d+') do
  local level = level_of(variant)
  variants[#variants + 1] = {
    id = variant, total = level.total, sold = level.sold, counter = level.held,
    held = ARGV[6] == '1' and (summed[variant] or 0) or level.held,
    waiting = redis.call('ZLEXCOUNT', waiting, '[' .. variant .. ':', '(' .. variant .. ';'),
  }
end
return {'ok', cmsgpack.pack({
  version = tonumber(redis.call('HGET', product, 'version')), now = now, stopped = stopped,
  seq = tonumber(redis.call('HGET', product, 'seq')), variants = variants,
  sale = sale and {id = sale.id, left = sale_left()} or nil,
})}
