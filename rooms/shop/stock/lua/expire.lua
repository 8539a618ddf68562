-- Lets go what has run out.
--
-- ARGV   6 … ids that the database takes for held, although their time is over
--
-- Answers ok, how many ran out, then those of the ids that are not held here.

if stale then return {'stale'} end
if late then return {'too_late'} end
local answer = {'ok', expire_due(500)}
for i = 6, #ARGV do
  if redis.call('HEXISTS', holds, ARGV[i]) == 0 then answer[#answer + 1] = ARGV[i] end
end
return answer
