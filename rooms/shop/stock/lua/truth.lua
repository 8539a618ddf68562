-- Sets what the database says of a product, as mirror.lua and adopt.lua are given it: version,
-- stopped, currency, cap, hold_ms, offer_ms, variants (id, total, sold, price, title), sales (with
-- what each person bought in them), bought (person, count).

local function void(variant, floor)
  local over = {}
  for _, packed in ipairs(redis.call('HVALS', holds)) do
    local hold = cmsgpack.unpack(packed)
    if hold.variant == variant then over[#over + 1] = hold end
  end
  -- The newest first, and what is being paid last.
  table.sort(over, function(a, b)
    if (a.pinned or false) ~= (b.pinned or false) then return not a.pinned end
    return a.seq > b.seq
  end)
  local count = 0
  for _, hold in ipairs(over) do
    local level = level_of(variant)
    if level and level.left >= floor then break end
    let_go(hold)
    entry('reservation.void', hold, 'lowered')
    count = count + 1
  end
  return count
end

local function set_truth(truth)
  stopped, cap = truth.stopped, truth.cap
  state[4], state[6], state[7] = truth.currency, truth.hold_ms, truth.offer_ms
  redis.call('HSET', product, 'version', truth.version, 'stopped', stopped and '1' or '0',
    'currency', truth.currency, 'hold_ms', truth.hold_ms, 'offer_ms', truth.offer_ms)
  if cap then redis.call('HSET', product, 'cap', cap) else redis.call('HDEL', product, 'cap') end
  for person, count in pairs(truth.bought) do
    if count > 0 then
      redis.call('HSET', people, 'b:' .. person, count)
    else
      redis.call('HDEL', people, 'b:' .. person)
    end
  end

  local first, following = truth.sales[1], {}
  for i = 2, #truth.sales do following[i - 1] = truth.sales[i] end
  if first and sale and first.id == sale.id then
    first.held = sale.held
    sale = first
    for person, count in pairs(first.bought or {}) do
      redis.call('HSET', shoppers, 'b:' .. person, count)
    end
    redis.call('HSET', product, 'sale', cmsgpack.pack(sale), 'sales', cmsgpack.pack(following))
  else
    use_sale(first, following)
  end

  local gone, voided = {}, 0
  for variant in string.gmatch(redis.call('HGET', product, 'variants') or '', '%d+') do gone[variant] = true end
  local names = {}
  for _, variant in ipairs(truth.variants) do
    local id = variant.id
    gone[id] = nil
    names[#names + 1] = id
    redis.call('HSET', product, 'total:' .. id, variant.total, 'sold:' .. id, variant.sold,
      'price:' .. id, variant.price, 'title:' .. id, variant.title)
  end
  redis.call('HSET', product, 'variants', table.concat(names, ' '))
  for variant in pairs(gone) do
    voided = voided + void(variant, math.huge)
    redis.call('HDEL', product, 'total:' .. variant, 'sold:' .. variant, 'held:' .. variant, 'price:' .. variant, 'title:' .. variant)
  end
  for _, variant in ipairs(names) do
    voided = voided + void(variant, 0)
  end
  return names, voided
end
