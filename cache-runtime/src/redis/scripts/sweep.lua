-- Forgets members of the catalogue whose keys are gone, and prolongs its life.
-- KEYS 1 catalogue. ARGV 1 namespace, 2 where to go on, 3 how many members to look at, 4 its least life in ms.
-- Returns where to go on the next time, '-' for the beginning.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
local members = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[2], '+', 'LIMIT', '0', ARGV[3])
local gone = {}
for _, member in ipairs(members) do
  local key = string.match(member, '%z(.*)$') or string.sub(member, 2)
  if redis.call('EXISTS', ARGV[1] .. key) == 0 then gone[#gone + 1] = member end
end
if #gone > 0 then redis.call('ZREM', KEYS[1], unpack(gone)) end
if #members < tonumber(ARGV[3]) then return '-' end
return '(' .. members[#members]
