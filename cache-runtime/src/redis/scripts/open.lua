-- Reads the whole ledger. If there is no ledger, creates one first, and publishes its birth id.
-- In a cluster the ledger belongs to one run of one server. If it has come here from another one, with its slot or by a
-- failover, it is replaced by a new one: otherwise an entry could become valid again when the slot returns to the server
-- where the entry was stored, although a removal that was made elsewhere has been lost.
-- KEYS: 1 the ledger.
-- ARGV: 1 the channel; 2 the birth id of a new ledger; 3 the shortest life of the ledger in ms; 4 a hash of the server's run and
-- reign, or the digest of a script that only this run of the server has in its memory (40 characters; the ledger must belong
-- to it already, or is replaced), or '' if the ledger need not belong to a run; 5 'q' if this user may not publish, or ''.
-- Returns its members and their scores.
if ARGV[4] ~= '' then
  local owned, foreign = false, string.len(ARGV[4]) == 40
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '0', '0')) do
    if member == 'r' .. ARGV[4] then
      owned = true
    elseif string.sub(member, 1, 1) == 'r' then
      foreign = true
    end
  end
  if foreign and not owned then redis.call('UNLINK', KEYS[1]) end
end
if redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('ZADD', KEYS[1], '0', 'b' .. ARGV[2])
  redis.pcall('PUBLISH', ARGV[1], 'b ' .. ARGV[2] .. ' 0 0')
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
if ARGV[4] ~= '' then redis.call('ZADD', KEYS[1], '0', 'r' .. ARGV[4]) end
if ARGV[5] ~= '' then redis.call('ZADD', KEYS[1], '0', ARGV[5]) end
return redis.call('ZRANGE', KEYS[1], '0', '-1', 'WITHSCORES')
