-- Records a removal in the ledger: whatever its patterns cover and has a smaller number is stale from now on.
-- KEYS 1 ledger, 2 (where a call spares its own lease) that lease's key. ARGV 1 channel, 2 birth to give where there is
-- no ledger, 3 sender, 4 least life of the ledger in ms, 5 identity of the spared lease or '', 6 number since which the
-- call wants to know of other removals, or '', 7 how many of those at most, 8.. patterns.
-- Returns {birth, number, how many heard of it, then members and scores of what was newer than that number before}.
local birth
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], '0', '1')) do
  if string.sub(member, 1, 1) == 'b' then birth = string.sub(member, 2) end
end
if not birth then
  if redis.call('EXISTS', KEYS[1]) == 1 then return redis.error_reply('FOREIGN this is no ledger') end
  birth = ARGV[2]
  redis.call('ZADD', KEYS[1], '0', 'b' .. birth)
end
local time = redis.call('TIME')
local number = math.max(tonumber(redis.call('ZSCORE', KEYS[1], 'c') or '0') + 1, time[1] * 1000000 + time[2])
local text = string.format('%.0f', number)
local answer = {birth, text, '0'}
if ARGV[6] ~= '' then
  local newer = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[6], '+inf', 'WITHSCORES', 'LIMIT', '0', ARGV[7])
  for i = 1, #newer do answer[i + 3] = newer[i] end
end
local raised = {text, 'c'}
for i = 8, #ARGV do
  raised[#raised + 1] = text
  raised[#raised + 1] = 'p' .. ARGV[i]
end
redis.call('ZADD', KEYS[1], unpack(raised))
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) / 2 then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
if KEYS[2] and redis.pcall('GETRANGE', KEYS[2], '0', '23') == ARGV[5] then
  redis.call('SETRANGE', KEYS[2], '40', struct.pack('<I8', number))
end
-- Refused where the user may not publish: then nobody of that user hears anything, and all of them ask.
local heard = redis.pcall('PUBLISH', ARGV[1], 'r ' .. birth .. ' ' .. text .. ' ' .. ARGV[3] .. '\30' .. table.concat(ARGV, '\30', 8))
if type(heard) == 'number' then answer[3] = tostring(heard) end
return answer
