-- Adds what one gateway counted and gives the sums of all.
--
-- KEYS   1 tallies (hash: kind to sum)
-- ARGV   1 how long the sums are kept, ms       then pairs of kind and count
--
-- Answers kinds and sums, one after another.

for i = 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
if #ARGV > 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return redis.call('HGETALL', KEYS[1])
