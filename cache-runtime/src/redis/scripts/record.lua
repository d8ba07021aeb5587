-- Records a removal in the ledger, and publishes it. From then on, entries that a pattern covers and whose number is
-- smaller are stale.
-- KEYS: 1 the ledger; 2 the key of the caller's own lease, if the removal must not affect that lease.
-- ARGV: 1 the birth id that the caller knows, or ''; 2 the server's time in microseconds, as the caller estimates it: the
-- number of the removal, unless the ledger has reached it already; 3 the channel; 4 the end of the message: the sender and
-- the patterns; 5 for a new ledger, if there is none: its birth id (16 characters) and its shortest life in ms (the heartbeat
-- extends it); 6 '', or for a call that removes during its own load: the number after which it asks for other removals, how
-- many of them to return at most, and the identity of its lease or nothing, with a space between them; 7.. the members of
-- the ledger for the patterns, each a 'p' and the pattern.
-- Returns the count of clients that received the message, if that, the birth id 1 and the number 2 are the whole answer.
-- Otherwise {birth id, number, count, then members and scores of the other removals that the caller asked for}.
-- Conversions of numbers, arguments and tables are avoided: they took more of the server's time than the commands.
local ledger, birth, number = KEYS[1], ARGV[1], ARGV[2]
-- One command reads both. It fails if the user may not run ZMSCORE, or if a foreign value of another type is at the key.
local known = redis.pcall('ZMSCORE', ledger, 'c', 'b' .. birth)
local counter = known[1]
if known.err or not known[2] then
  birth, counter = nil, redis.call('ZSCORE', ledger, 'c')
  for _, member in ipairs(redis.call('ZRANGE', ledger, '0', '1')) do
    if string.sub(member, 1, 1) == 'b' then birth = string.sub(member, 2) end
  end
  if not birth then
    if redis.call('EXISTS', ledger) == 1 then return redis.error_reply('FOREIGN this key holds no ledger') end
    birth = string.sub(ARGV[5], 1, 16)
    redis.call('ZADD', ledger, '0', 'b' .. birth)
    redis.call('PEXPIRE', ledger, string.sub(ARGV[5], 17))
  end
end
-- Subtracting compares them as numbers, not as texts.
if counter and counter - number >= 0 then number = string.format('%.0f', counter + 1) end
local newer
if ARGV[6] ~= '' then
  local after, limit, identity = string.match(ARGV[6], '^(%d+) (%d+) (.*)$')
  newer = redis.call('ZRANGEBYSCORE', ledger, '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', '0', limit)
  if KEYS[2] and redis.pcall('GETRANGE', KEYS[2], '0', '23') == identity then
    redis.call('SETRANGE', KEYS[2], '40', struct.pack('<I8', tonumber(number)))
  end
end
if #ARGV == 7 then
  redis.call('ZADD', ledger, number, 'c', number, ARGV[7])
else
  local raised = {number, 'c'}
  for i = 7, #ARGV do
    raised[#raised + 1] = number
    raised[#raised + 1] = ARGV[i]
  end
  redis.call('ZADD', ledger, unpack(raised))
end
-- Redis refuses this if the user may not publish. Then nobody may rely on messages, and the mark of `open.lua` says so. A
-- ledger without it may be one that others rely on: the removal is not acknowledged. The same holds for another ledger than
-- the caller knows: the caller has not asked whether anybody relies on messages since this one began.
local heard = redis.pcall('PUBLISH', ARGV[3], 'r ' .. birth .. ' ' .. number .. ' ' .. ARGV[4])
if type(heard) ~= 'number' then
  if birth ~= ARGV[1] or not redis.call('ZSCORE', ledger, 'q') then
    return redis.error_reply('QUIET the user may not publish removals, and others rely on that')
  end
  heard = 0
end
if not newer and number == ARGV[2] and birth == ARGV[1] then return heard end
local answer = {birth, number, tostring(heard)}
for i = 1, newer and #newer or 0 do answer[i + 3] = newer[i] end
return answer
