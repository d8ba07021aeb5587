-- Prolongs a lease that still stands. KEYS 1 key. ARGV 1 expected head, 2 life in ms. Returns 1 or 0.
if redis.pcall('GETRANGE', KEYS[1], '0', '31') ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
