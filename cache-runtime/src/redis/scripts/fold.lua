-- Replaces patterns of the ledger by one pattern that covers them all, which gets the largest of their numbers.
-- KEYS: 1 the ledger.
-- ARGV: 1 the channel to publish the change on, or '' if it was already published; 2 the birth id that the ledger must
-- have; 3 the covering pattern; 4 the largest number; 5.. the patterns to drop (one that has a larger number by now is
-- kept).
-- Returns the number of dropped patterns, or -1 if the ledger has another birth id.
local birth
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], '0', '1')) do
  if string.sub(member, 1, 1) == 'b' then birth = string.sub(member, 2) end
end
if birth ~= ARGV[2] then return -1 end
local largest = tonumber(ARGV[4])
if tonumber(redis.call('ZSCORE', KEYS[1], 'p' .. ARGV[3]) or '0') < largest then
  redis.call('ZADD', KEYS[1], ARGV[4], 'p' .. ARGV[3])
end
local dropped = 0
for i = 5, #ARGV do
  local number = redis.call('ZSCORE', KEYS[1], 'p' .. ARGV[i])
  if number and tonumber(number) <= largest and ARGV[i] ~= ARGV[3] then
    dropped = dropped + redis.call('ZREM', KEYS[1], 'p' .. ARGV[i])
  end
end
if ARGV[1] ~= '' then
  redis.pcall('PUBLISH', ARGV[1], 'f ' .. birth .. ' ' .. ARGV[4] .. ' 0\30' .. ARGV[3])
end
return dropped
