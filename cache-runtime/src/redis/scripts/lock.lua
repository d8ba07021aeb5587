-- Takes the right to replace an entry that goes on standing while its successor is loaded.
-- KEYS 1 key, 2 lock beside it. ARGV 1 identity of the entry, 2 token of the lock (24 bytes), 3 its life in ms.
-- Returns {0, 0} taken; {1, 0} something else stands at the key; {2, ms left} somebody holds the lock; {3, 0} somebody's
-- refresh has just failed.
if redis.pcall('GETRANGE', KEYS[1], '0', '23') ~= ARGV[1] then return {1, 0} end
local held = redis.pcall('GETRANGE', KEYS[2], '0', '3')
if held == 'fail' then return {3, 0} end
if held ~= '' then return {2, redis.call('PTTL', KEYS[2])} end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
-- The entry must not expire before the lock does: its successor is stored over it.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return {0, 0}
