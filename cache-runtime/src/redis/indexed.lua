-- Ends a rebuild: the index is complete if it was not lost again since the rebuild began.
-- KEYS 1 index. ARGV 1 the rebuild's own member. Returns 1 or 0.
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('ZADD', KEYS[1], 0, 'm')
return 1
