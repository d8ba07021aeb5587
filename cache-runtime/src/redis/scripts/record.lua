-- Records a removal in the ledger, and publishes it. From then on, entries that a pattern covers and whose number is
-- smaller are stale.
-- KEYS: 1 the ledger; 2 the key of the caller's own lease, if the removal must not affect that lease.
-- ARGV: 1 the channel; 2 the birth id of a new ledger, if there is none; 3 the sender; 4 the shortest life of a new ledger
-- in ms (the heartbeat extends it); 5 the identity of the caller's own lease, or ''; 6 the number after which the caller
-- asks for other removals, or ''; 7 how many of them to return at most; 8 the birth id that the caller knows, or ''; 9..
-- the patterns.
-- Returns {birth id, number, count of clients that received the message, then members and scores of the other removals
-- that the caller asked for}.
local ledger, birth = KEYS[1], ARGV[8]
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
    birth = ARGV[2]
    redis.call('ZADD', ledger, '0', 'b' .. birth)
    redis.call('PEXPIRE', ledger, ARGV[4])
  end
end
local time = redis.call('TIME')
local number = math.max(tonumber(counter or '0') + 1, time[1] * 1000000 + time[2])
local text = string.format('%.0f', number)
local answer = {birth, text, '0'}
if ARGV[6] ~= '' then
  local newer = redis.call('ZRANGEBYSCORE', ledger, '(' .. ARGV[6], '+inf', 'WITHSCORES', 'LIMIT', '0', ARGV[7])
  for i = 1, #newer do answer[i + 3] = newer[i] end
end
if #ARGV == 9 then
  redis.call('ZADD', ledger, text, 'c', text, 'p' .. ARGV[9])
else
  local raised = {text, 'c'}
  for i = 9, #ARGV do
    raised[#raised + 1] = text
    raised[#raised + 1] = 'p' .. ARGV[i]
  end
  redis.call('ZADD', ledger, unpack(raised))
end
if KEYS[2] and redis.pcall('GETRANGE', KEYS[2], '0', '23') == ARGV[5] then
  redis.call('SETRANGE', KEYS[2], '40', struct.pack('<I8', number))
end
-- Redis refuses this if the user may not publish. Then nobody may rely on messages, and the mark of `open.lua` says so. A
-- ledger without it may be one that others rely on: the removal is not acknowledged. The same holds for another ledger than
-- the caller knows: the caller has not asked whether anybody relies on messages since this one began.
local heard = redis.pcall('PUBLISH', ARGV[1], 'r ' .. birth .. ' ' .. text .. ' ' .. ARGV[3] .. '\30' .. table.concat(ARGV, '\30', 9))
if type(heard) == 'number' then
  answer[3] = tostring(heard)
elseif birth ~= ARGV[8] or not redis.call('ZSCORE', ledger, 'q') then
  return redis.error_reply('QUIET the user may not publish removals, and others rely on that')
end
return answer
