-- Stores an entry over the head that its loader planted (or read), and over nothing else.
-- KEYS 1 key, 2 index. ARGV 1 expected head ('' compares nothing: for tests of the tests only), 2 new head, 3 what
-- follows the time, 4 life in ms, 5 namespace, 6 number of members to drop, then those, then the members to add.
-- Returns 1 stored, 0 the head no longer stands.
local found = redis.pcall('GETRANGE', KEYS[1], '0', '31')
if found ~= ARGV[1] and ARGV[1] ~= '' then return 0 end
local drop = tonumber(ARGV[6])
-- An index that was lost meanwhile no longer led removals of tags that were unknown to this key.
for i = 7, 6 + drop do
  if string.sub(ARGV[i], 1, 1) == 'u' and not redis.call('ZSCORE', KEYS[2], ARGV[i]) then return 0 end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[2] .. struct.pack('<I8', now) .. ARGV[3], 'PX', ARGV[4])
for i = 7, 6 + drop do redis.call('ZREM', KEYS[2], ARGV[i]) end
for i = 7 + drop, #ARGV do redis.call('ZADD', KEYS[2], '0', ARGV[i]) end
-- The index cleans itself: some members at random, out with those whose key has expired. Three for each that is added:
-- fewer than one, and entries with many tags would outgrow the cleaning; so it stays near half as much again as what lives.
local sample = redis.pcall('ZRANDMEMBER', KEYS[2], 3 * (#ARGV - 6 - drop))
if not sample.err then
  for _, member in ipairs(sample) do
    local kind, key = string.sub(member, 1, 1), string.match(member, '([^%z]*)$')
    if kind == 'k' then key = string.sub(member, 2) end
    if (kind == 'k' or kind == 't' or kind == 'u') and redis.call('EXISTS', ARGV[5] .. key) == 0 then
      redis.call('ZREM', KEYS[2], member)
    end
  end
end
return 1
