-- Ends a lease, or a refresh's lock, without a value, if it still stands.
-- KEYS 1 where it stands. ARGV 1 its identity, 2 mark to leave or '', 3 life of the mark in ms.
-- Returns 1 it had stood to the end, 0 it had not.
if redis.pcall('GETRANGE', KEYS[1], '0', '23') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('UNLINK', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
