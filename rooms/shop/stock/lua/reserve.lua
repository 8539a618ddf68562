-- Holds stock for somebody, at the price of this very moment.
--
-- KEYS   10 the answer given under this key
-- ARGV   6 the wish: id, variant, person, name, named, room, key, source, quantity, price seen,
--          coupon with percent or off          7 digest of the wish       8 how long to remember, ms
--
-- Answers ok (packed hold, title), repeated (packed hold, or empty when it has ended; title),
-- conflict, too_late, stopped, backlog, not_found, price (now), sold_out (left, of the sale 0/1,
-- price now), limit_reached (most, left for this person).

if stale then return {'stale'} end
local wish = cmsgpack.unpack(ARGV[6])
local title = redis.call('HGET', product, 'title:' .. wish.variant) or ''
local before = redis.call('GET', KEYS[10])
local held = redis.call('HGET', holds, wish.id)
if before or held then
  if (before or ARGV[7]) ~= ARGV[7] then return {'conflict'} end
  if held then
    local hold = cmsgpack.unpack(held)
    if hold.variant ~= wish.variant then return {'conflict'} end
  end
  return {'repeated', held or '', title}
end
if redis.call('HEXISTS', done, wish.id) == 1 then return {'repeated', '', title} end
if late then return {'too_late'} end
if stopped then return {'stopped'} end
if redis.call('XLEN', log) >= tonumber(ARGV[5]) then return {'backlog'} end

expire_due(20)
local level = level_of(wish.variant)
if not level then return {'not_found'} end
local price, of_sale, left = level.price, nil, math.max(0, level.left)
if sale_is_on() then
  price, of_sale, left = sale.price, sale.id, math.min(left, sale_left())
elseif sale and wish.price == sale.price and wish.price ~= price and sale.starts <= now and now < sale.ends then
  return {'sold_out', 0, 1, price}
end
if wish.price and wish.price ~= price then return {'price', price} end
local mine = allowed(people, cap, wish.person)
if wish.quantity > mine then return {'limit_reached', cap, math.max(0, mine)} end
if of_sale then
  mine = allowed(shoppers, sale.per_person, wish.person)
  if wish.quantity > mine then return {'limit_reached', sale.per_person, math.max(0, mine)} end
end
if wish.quantity > left then
  return {'sold_out', left, (of_sale and level.left >= wish.quantity) and 1 or 0, price}
end

-- From here on it happens.
local hold = {
  id = wish.id, variant = wish.variant, person = wish.person, name = wish.name, named = wish.named,
  room = wish.room, key = wish.key, source = wish.source, quantity = wish.quantity, price = price,
  discount = discount_of(wish, price, wish.quantity), coupon = wish.coupon, sale = of_sale,
}
hold_it(hold, tonumber(state[6]), '')
redis.call('SET', KEYS[10], ARGV[7], 'PX', ARGV[8])
return {'ok', cmsgpack.pack(hold), title}
