-- Drops members of the catalogue whose keys no longer exist, and extends the catalogue's life.
-- KEYS: 1 the catalogue.
-- ARGV: 1 the prefix of the namespace; 2 the member at which to start; 3 how many members to look at; 4 the catalogue's
-- shortest life in ms.
-- Returns where the next sweep starts; '-' is the beginning.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
local members = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[2], '+', 'LIMIT', '0', ARGV[3])
local keys, gone = {}, {}
for i = 1, #members do
  local member = members[i]
  keys[i] = ARGV[1] .. (string.byte(member) == 107 and string.sub(member, 2) or string.match(member, '%z(.*)$') or '')
end
-- Most keys still exist. So one EXISTS asks for 25 keys, and single ones follow only if some of those are missing.
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
