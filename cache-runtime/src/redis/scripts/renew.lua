-- Prolongs a lease that still stands; or a refresh's lock, and with it the entry that it may replace: an entry that
-- expired meanwhile would take the right to be replaced with it.
-- KEYS 1 where the lease or the lock stands, 2 (with a lock) the entry. ARGV 1 identity of the lease or lock, 2 life in
-- ms, 3 (with a lock) identity of the entry. Returns 1 or 0.
if redis.pcall('GETRANGE', KEYS[1], '0', '23') ~= ARGV[1] then return 0 end
if KEYS[2] and redis.pcall('GETRANGE', KEYS[2], '0', '23') == ARGV[3]
  and redis.call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
