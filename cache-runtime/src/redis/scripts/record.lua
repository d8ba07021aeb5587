-- Records a removal in the ledger: whatever its patterns cover and has a smaller number is stale from now on.
-- KEYS 1 ledger, 2 (where a call spares its own lease) that lease's key. ARGV 1 channel, 2 birth to give where there is
-- no ledger, 3 sender, 4 least life of a ledger that has just been born, in ms (the heartbeat prolongs it), 5 identity of
-- the spared lease or '', 6 number since which the call wants to know of other removals, or '', 7 how many of those at
-- most, 8 birth that the caller knows, or '', 9.. patterns.
-- Returns {birth, number, how many heard of it, then members and scores of what was newer than that number before}.
local ledger, birth = KEYS[1], ARGV[8]
-- One question for both; a user may be forbidden it, and somebody else's key has another type.
local known = redis.pcall('ZMSCORE', ledger, 'c', 'b' .. birth)
local counter = known[1]
if known.err or not known[2] then
  birth, counter = nil, redis.call('ZSCORE', ledger, 'c')
  for _, member in ipairs(redis.call('ZRANGE', ledger, '0', '1')) do
    if string.sub(member, 1, 1) == 'b' then birth = string.sub(member, 2) end
  end
  if not birth then
    if redis.call('EXISTS', ledger) == 1 then return redis.error_reply('FOREIGN this is no ledger') end
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
-- Refused where the user may not publish: then nobody of that user hears anything, and all of them ask.
local heard = redis.pcall('PUBLISH', ARGV[1], 'r ' .. birth .. ' ' .. text .. ' ' .. ARGV[3] .. '\30' .. table.concat(ARGV, '\30', 9))
if type(heard) == 'number' then answer[3] = tostring(heard) end
return answer
