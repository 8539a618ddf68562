-- Gives the lease of a partition back, and lets go of a reader that has nothing in hand.
--
-- KEYS   1 owner               2 log (stream)
-- ARGV   1 name of the owner   2 group               3 reader
--
-- Answers 1, or 0 when it had another owner or none.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local held = redis.pcall('XPENDING', KEYS[2], ARGV[2], '-', '+', 1, ARGV[3])
if not held.err and #held == 0 then redis.pcall('XGROUP', 'DELCONSUMER', KEYS[2], ARGV[2], ARGV[3]) end
redis.call('DEL', KEYS[1])
return 1
