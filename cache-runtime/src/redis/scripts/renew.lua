-- Extends the life of a lease, or of the lock of a refresh together with the entry that the refresh replaces: if that
-- entry expired, `store.lua` would not find it and would not store the new value.
-- KEYS: 1 the key of the lease or lock; 2 the key of the entry, if it is a lock.
-- ARGV: 1 the identity of the lease or lock; 2 the new life in ms; 3 the identity of the entry, if it is a lock.
-- Returns 1 if the life was extended, 0 if the key no longer holds the lease or lock.
if redis.pcall('GETRANGE', KEYS[1], '0', '23') ~= ARGV[1] then return 0 end
if KEYS[2] and redis.pcall('GETRANGE', KEYS[2], '0', '23') == ARGV[3]
  and redis.call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
