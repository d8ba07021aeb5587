-- Removes a lease, or the lock of a refresh, whose load returned no value to store.
-- KEYS: 1 the key of the lease or lock.
-- ARGV: 1 its identity; 2 a failed mark to store in its place, or ''; 3 the life of that mark in ms.
-- Returns 1 if the key still held it, else 0.
if redis.pcall('GETRANGE', KEYS[1], '0', '23') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('UNLINK', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
