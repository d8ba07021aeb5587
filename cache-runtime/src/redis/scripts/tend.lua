-- The heartbeat's part for the ledger: creates a new ledger if it was lost, records the longest life of an entry, drops
-- patterns that are older than that, and extends the ledger's own life.
-- KEYS: 1 the ledger.
-- ARGV: 1 the channel; 2 the birth id of a new ledger; 3 the longest life of the caller's entries in ms; 4 the shortest
-- life of the ledger in ms; 5 'm' if the caller keeps values that Redis does not have, or ''.
-- Returns {birth id, floor}.
if redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('ZADD', KEYS[1], '0', 'b' .. ARGV[2])
  redis.pcall('PUBLISH', ARGV[1], 'b ' .. ARGV[2] .. ' 0 0')
end
if ARGV[5] ~= '' then redis.call('ZADD', KEYS[1], '0', ARGV[5]) end
local birth = ''
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], '0', '1')) do
  if string.sub(member, 1, 1) == 'b' then birth = string.sub(member, 2) end
end
-- The longest life is stored as a negative score, so that ranges over the numbers of removals do not contain it.
local longest = -tonumber(redis.call('ZSCORE', KEYS[1], 'l') or '0')
if tonumber(ARGV[3]) > longest then
  longest = tonumber(ARGV[3])
  redis.call('ZADD', KEYS[1], string.format('%.0f', -longest), 'l')
end
-- A number is a time in microseconds, as the removing process estimated it, or slightly larger. An entry with a number
-- below `old` has expired by now, unless its load took longer than a minute; the floor makes such an entry stale.
local time = redis.call('TIME')
local old = string.format('%.0f', time[1] * 1000000 - (longest + 60000) * 1000)
local newest = redis.call('ZREVRANGEBYSCORE', KEYS[1], old, '(0', 'WITHSCORES', 'LIMIT', '0', '1')
local floor = redis.call('ZSCORE', KEYS[1], 'f') or '0'
if newest[2] and tonumber(newest[2]) > tonumber(floor) then
  local counter = redis.call('ZSCORE', KEYS[1], 'c') or newest[2]
  floor = newest[2]
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '(0', floor)
  redis.call('ZADD', KEYS[1], counter, 'c', floor, 'f')
end
local life = math.max(tonumber(ARGV[4]), 2 * longest)
if redis.call('PTTL', KEYS[1]) < life then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', life)) end
return {birth, string.format('%.0f', tonumber(floor))}
