-- Keeps the ledger alive and short: gives it a birth where it was lost, notes the longest life that entries have, drops
-- the patterns that are older than that, and prolongs its own life.
-- KEYS 1 ledger. ARGV 1 channel, 2 birth to give, 3 longest life of the caller's entries in ms, 4 least life of the
-- ledger in ms. Returns {birth, floor}.
if redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('ZADD', KEYS[1], '0', 'b' .. ARGV[2])
  redis.pcall('PUBLISH', ARGV[1], 'b ' .. ARGV[2] .. ' 0 0')
end
local birth = ''
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], '0', '1')) do
  if string.sub(member, 1, 1) == 'b' then birth = string.sub(member, 2) end
end
-- The longest life stands as a negative score, out of the way of the numbers.
local longest = -tonumber(redis.call('ZSCORE', KEYS[1], 'l') or '0')
if tonumber(ARGV[3]) > longest then
  longest = tonumber(ARGV[3])
  redis.call('ZADD', KEYS[1], string.format('%.0f', -longest), 'l')
end
-- A number is a time in microseconds, or a little later. What has a number below `old` was loaded so long ago that it
-- has expired, but for loads that took longer than a minute: the floor makes those stale, too.
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
