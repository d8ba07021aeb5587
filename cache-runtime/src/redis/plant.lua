-- Plants a lease at a key, with its index members, or says what stands there.
-- KEYS 1 key, 2 index. ARGV 1 lease (32 bytes), 2 its life in ms, 3 run (8 bytes), 4 head that may be replaced or '',
-- 5 flags: f = force, t = trust entries of other runs, 6.. index members.
-- Returns {0} planted; {1, value} an entry stands; {2} not ours; {3} another's lease; {4} a failed load's mark.
local got = redis.pcall('GET', KEYS[1])
if type(got) == 'table' then return {2} end
if got then
  if #got < 32 or string.sub(got, 1, 3) ~= '\202\196\237' then return {2} end
  local head, kind = string.sub(got, 1, 32), string.byte(got, 5)
  local current = string.sub(head, 25, 32) == ARGV[3] or (kind == 1 and string.find(ARGV[5], 't', 1, true))
  if current and head ~= ARGV[4] and not string.find(ARGV[5], 'f', 1, true) then
    if kind == 2 then return {3} end
    if kind == 3 then return {4} end
    return {1, got}
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
for i = 6, #ARGV do redis.call('ZADD', KEYS[2], '0', ARGV[i]) end
return {0}
