-- One page of the index, if it is complete.
-- KEYS 1 index. ARGV 1 from, 2 to, 3 how many members at most. Returns the members, or -1.
if not redis.call('ZSCORE', KEYS[1], 'm') then return -1 end
return redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
