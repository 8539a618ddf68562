-- Acknowledges entries that are committed and takes them out of the log, in one step: an entry
-- that was acknowledged and stayed would count towards the backlog for ever.
--
-- KEYS   1 log (stream)
-- ARGV   1 group               then the ids of the entries

for i = 2, #ARGV do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  redis.call('XDEL', KEYS[1], ARGV[i])
end
return #ARGV - 1
