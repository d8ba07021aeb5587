-- Takes the lock of a refresh: the process that holds it loads a new value, while the old entry is still served.
-- KEYS: 1 the key; 2 the key of its lock.
-- ARGV: 1 the identity of the entry; 2 the token of the lock (24 bytes); 3 the life of the lock in ms.
-- Returns {0, 0} if the lock was taken; {1, 0} if the key no longer holds that entry; {2, ms left} if another process
-- holds the lock; {3, 0} if another process's refresh has just failed.
if redis.pcall('GETRANGE', KEYS[1], '0', '23') ~= ARGV[1] then return {1, 0} end
local held = redis.pcall('GETRANGE', KEYS[2], '0', '3')
if held == 'fail' then return {3, 0} end
if held ~= '' then return {2, redis.call('PTTL', KEYS[2])} end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
-- The entry must live at least as long as the lock, because `store.lua` replaces exactly this entry.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return {0, 0}
