-- Ends a lease without a value, if it still stands.
-- KEYS 1 key, 2 index. ARGV 1 expected head, 2 mark to leave or '', 3 life of the mark in ms, 4.. members to drop.
-- Returns 1 the lease had stood to the end, 0 it had not.
if redis.pcall('GETRANGE', KEYS[1], '0', '31') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('UNLINK', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
for i = 4, #ARGV do redis.call('ZREM', KEYS[2], ARGV[i]) end
return 1
