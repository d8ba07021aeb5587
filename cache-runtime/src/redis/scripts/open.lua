-- Reads the whole ledger, after giving it a birth where there is none.
-- KEYS 1 ledger. ARGV 1 channel, 2 birth to give, 3 least life of the ledger in ms. Returns members and scores.
if redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('ZADD', KEYS[1], '0', 'b' .. ARGV[2])
  redis.pcall('PUBLISH', ARGV[1], 'b ' .. ARGV[2] .. ' 0 0')
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return redis.call('ZRANGE', KEYS[1], '0', '-1', 'WITHSCORES')
