-- Takes the right to replace an entry that goes on standing while its successor is loaded.
-- KEYS 1 key, 2 lock beside it, 3 index. ARGV 1 head of the entry, 2 token (32 bytes), 3 its life in ms,
-- 4.. index members: any tag that the successor may carry must find the key, and with it the right to store.
-- Returns {0, 0} taken; {1, 0} something else stands at the key; {2, ms left} somebody holds the lock; {3, 0} somebody's
-- refresh has just failed.
if redis.pcall('GETRANGE', KEYS[1], '0', '31') ~= ARGV[1] then return {1, 0} end
local held = redis.pcall('GETRANGE', KEYS[2], '0', '3')
if held == 'fail' then return {3, 0} end
if held ~= '' then return {2, redis.call('PTTL', KEYS[2])} end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
for i = 4, #ARGV do redis.call('ZADD', KEYS[3], '0', ARGV[i]) end
return {0, 0}
