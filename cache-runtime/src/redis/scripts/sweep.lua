-- Forgets members of the catalogue whose keys are gone, and prolongs its life.
-- KEYS 1 catalogue. ARGV 1 namespace, 2 where to go on, 3 how many members to look at, 4 its least life in ms.
-- Returns where to go on the next time, '-' for the beginning.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
local members = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[2], '+', 'LIMIT', '0', ARGV[3])
local keys, gone = {}, {}
for i = 1, #members do
  local member = members[i]
  keys[i] = ARGV[1] .. (string.byte(member) == 107 and string.sub(member, 2) or string.match(member, '%z(.*)$') or '')
end
-- Most keys are there still: one question for many, and one for each only where some are missing.
for first = 1, #keys, 25 do
  local last = math.min(first + 24, #keys)
  if redis.call('EXISTS', unpack(keys, first, last)) <= last - first then
    for i = first, last do
      if redis.call('EXISTS', keys[i]) == 0 then gone[#gone + 1] = members[i] end
    end
  end
end
if #gone > 0 then redis.call('ZREM', KEYS[1], unpack(gone)) end
if #members < tonumber(ARGV[3]) then return '-' end
return '(' .. members[#members]
