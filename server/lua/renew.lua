-- Renews the lease of a partition, for its owner alone.
--
-- KEYS   1 owner
-- ARGV   1 name of the owner   2 how long from now, ms
--
-- Answers 1, or 0 when it has another owner or none.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
