-- What every script about the stock of one product begins with: its keys, the time, and the steps
-- of which the verbs are made. Everything a verb refuses is refused before its first write; what
-- has run out is let go first, which stands on its own.
--
-- KEYS   1 product (hash)      2 holds (hash: id, packed)          3 due (zset: id, until)
--        4 people (hash: h:PERSON held, b:PERSON bought)           5 shoppers (the same in the sale)
--        6 waiting (zset by name: VARIANT:SEQ:PERSON)              7 waiters (hash: VARIANT:PERSON)
--        8 done (hash: ids that became orders around a restart)    9 log (stream)
-- ARGV   1 run_id the caller talks to        2 PUBLISH or SPUBLISH         3 deadline, ms
--        4 name of the product's channel     5 backlog cap                 then the verb's own
--
-- Every verb answers an array that begins with a word; stale: the product has to be rebuilt first.

local product, holds, due, people, shoppers, waiting, waiters, done, log = unpack(KEYS)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local PIN = 60000

-- As in publish.lua: only a promotion sets what is asked here, each time to something new.
local generation = ARGV[1]
if ARGV[2] == 'SPUBLISH' then
  local info = redis.call('INFO', 'replication')
  local _, last = string.find(info, 'master_replid2:', 1, true)
  generation = generation .. ':' .. string.sub(info, last + 1, last + 40)
end

local state = redis.call('HMGET', product, 'generation', 'epoch', 'stopped', 'currency', 'cap', 'hold_ms', 'offer_ms', 'sale')
local stale = state[1] ~= generation
local epoch, stopped, cap = tonumber(state[2]), state[3] == '1', tonumber(state[5])
local late = now > tonumber(ARGV[3])

local function entry(event, about, why)
  local offset = redis.call('HINCRBY', product, 'offset', 1)
  about.epoch, about.offset = epoch, offset
  local payload = struct.pack('>I8I8I8I2', epoch, offset, now, 0)
    .. struct.pack('B', #about.person) .. about.person .. struct.pack('B', #about.id) .. about.id
    .. cmsgpack.pack({event = event, about = about, why = why})
  redis.call('XADD', log, '*', 'c', ARGV[4], 'p', payload, 'x', '')
end

local function level_of(variant)
  local got = redis.call('HMGET', product, 'total:' .. variant, 'sold:' .. variant, 'held:' .. variant, 'price:' .. variant)
  if not got[4] then return nil end
  local level = {total = tonumber(got[1]), sold = tonumber(got[2]), held = tonumber(got[3] or 0), price = tonumber(got[4])}
  level.left = level.total - level.sold - level.held
  return level
end

-- The sale that is on or comes next, and behind it those that follow.
local sale
local function use_sale(next_sale, following)
  redis.call('DEL', shoppers)
  sale = next_sale
  if not sale then
    redis.call('HDEL', product, 'sale', 'sales', 'sale_held')
    return
  end
  sale.held = 0
  for _, packed in ipairs(redis.call('HVALS', holds)) do
    local hold = cmsgpack.unpack(packed)
    if hold.sale == sale.id then
      sale.held = sale.held + hold.quantity
      redis.call('HINCRBY', shoppers, 'h:' .. hold.person, hold.quantity)
    end
  end
  for person, count in pairs(sale.bought or {}) do
    redis.call('HSET', shoppers, 'b:' .. person, count)
  end
  redis.call('HSET', product, 'sale', cmsgpack.pack(sale), 'sale_held', sale.held, 'sales', cmsgpack.pack(following))
end

if not stale and state[8] then
  sale = cmsgpack.unpack(state[8])
  sale.held = tonumber(redis.call('HGET', product, 'sale_held'))
  if now >= sale.ends then
    local following = cmsgpack.unpack(redis.call('HGET', product, 'sales'))
    if following[1] then
      use_sale(table.remove(following, 1), following)
    end
  end
end

local function sale_left()
  return math.max(0, sale.total - sale.sold - sale.held)
end

local function sale_is_on()
  return sale ~= nil and sale.starts <= now and now < sale.ends and sale_left() > 0
end

-- How many more this person may have: of the product, or of the sale.
local function allowed(key, most, person)
  if not most then return math.huge end
  local got = redis.call('HMGET', key, 'h:' .. person, 'b:' .. person)
  return most - tonumber(got[1] or 0) - tonumber(got[2] or 0)
end

local function lessen(key, field, by)
  if redis.call('HINCRBY', key, field, -by) <= 0 then redis.call('HDEL', key, field) end
end

local function let_go(hold)
  redis.call('HDEL', holds, hold.id)
  redis.call('ZREM', due, hold.id)
  redis.call('HINCRBY', product, 'held:' .. hold.variant, -hold.quantity)
  lessen(people, 'h:' .. hold.person, hold.quantity)
  if sale and hold.sale == sale.id then
    sale.held = sale.held - hold.quantity
    redis.call('HSET', product, 'sale_held', sale.held)
    lessen(shoppers, 'h:' .. hold.person, hold.quantity)
  end
end

local function discount_of(wish, price, quantity)
  local all = price * quantity
  if wish.percent then
    return math.floor(all / 100) * wish.percent + math.floor((all % 100) * wish.percent / 100)
  end
  return math.min(wish.off or 0, all)
end

-- Counts and stores a hold; it is told to the log, unless a rebuild puts back what is saved already.
local function store(hold)
  redis.call('HSET', holds, hold.id, cmsgpack.pack(hold))
  redis.call('ZADD', due, hold['until'], hold.id)
  redis.call('HINCRBY', product, 'held:' .. hold.variant, hold.quantity)
  redis.call('HINCRBY', people, 'h:' .. hold.person, hold.quantity)
  if sale and hold.sale == sale.id then
    sale.held = sale.held + hold.quantity
    redis.call('HSET', product, 'sale_held', sale.held)
    redis.call('HINCRBY', shoppers, 'h:' .. hold.person, hold.quantity)
  end
end

local function hold_it(hold, lasts, why)
  hold.seq = redis.call('HINCRBY', product, 'seq', 1)
  hold.currency, hold.at, hold['until'] = state[4], now, now + lasts
  entry('reservation.held', hold, why)
  store(hold)
end

local function forget_waiter(waiter)
  redis.call('ZREM', waiting, string.format('%s:%016.0f:%s', waiter.variant, waiter.seq, waiter.person))
  redis.call('HDEL', waiters, waiter.variant .. ':' .. waiter.person)
end

-- Gives what is free to those who wait, the first first; less than wished where less is left.
local function serve(variant)
  if stopped then return end
  for _ = 1, 1000 do
    local level = level_of(variant)
    if not level or level.left <= 0 then return end
    local first = redis.call('ZRANGEBYLEX', waiting, '[' .. variant .. ':', '(' .. variant .. ';', 'LIMIT', 0, 1)[1]
    if not first then return end
    local person = string.match(first, '^%d+:%d+:(.*)$')
    local waiter = cmsgpack.unpack(redis.call('HGET', waiters, variant .. ':' .. person))
    forget_waiter(waiter)
    local quantity = math.min(waiter.quantity, level.left, allowed(people, cap, person))
    local price, of_sale = level.price, nil
    if sale_is_on() then
      local most = math.min(sale_left(), allowed(shoppers, sale.per_person, person))
      if most > 0 then
        quantity = math.min(quantity, most)
        price, of_sale = sale.price, sale.id
      end
    end
    if quantity <= 0 then
      entry('waiting.left', waiter, 'limit_reached')
    else
      hold_it({
        id = waiter.id, variant = variant, person = person, name = waiter.name, named = waiter.named,
        room = waiter.room, key = 'waiting ' .. waiter.id, source = 'waiting', quantity = quantity,
        price = price, discount = 0, sale = of_sale,
      }, tonumber(state[7]), 'offered')
    end
  end
end

local function expire_due(most)
  local freed, count = {}, 0
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, most)) do
    local packed = redis.call('HGET', holds, id)
    if packed then
      local hold = cmsgpack.unpack(packed)
      let_go(hold)
      entry('reservation.expired', hold, '')
      freed[hold.variant] = true
      count = count + 1
    else
      redis.call('ZREM', due, id)
    end
  end
  for variant in pairs(freed) do serve(variant) end
  return count
end
