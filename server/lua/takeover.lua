-- Makes a reader the only one of a partition's log: everything that others took and did not finish
-- becomes its own, to be applied before anything new.
--
-- KEYS   1 log (stream)
-- ARGV   1 group               2 reader
--
-- Answers the entries in hand, in order, each as id and fields.

redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], ARGV[1], ARGV[2])
local entries, cursor = {}, '0-0'
repeat
  local answer = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, cursor, 'COUNT', 1000)
  cursor = answer[1]
  for _, entry in ipairs(answer[2]) do entries[#entries + 1] = entry end
until cursor == '0-0'
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local facts = {}
  for i = 1, #consumer, 2 do facts[consumer[i]] = consumer[i + 1] end
  if facts.name ~= ARGV[2] and facts.pending == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], facts.name)
  end
end
return entries
