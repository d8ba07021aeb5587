-- Reads the whole ledger. If there is no ledger, creates one first, and publishes its birth id.
-- KEYS: 1 the ledger.
-- ARGV: 1 the channel; 2 the birth id of a new ledger; 3 the shortest life of the ledger in ms.
-- Returns its members and their scores.
if redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('ZADD', KEYS[1], '0', 'b' .. ARGV[2])
  redis.pcall('PUBLISH', ARGV[1], 'b ' .. ARGV[2] .. ' 0 0')
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return redis.call('ZRANGE', KEYS[1], '0', '-1', 'WITHSCORES')
