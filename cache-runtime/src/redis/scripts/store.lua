-- Stores an entry by compare-and-set: it replaces only the lease that its loader took, or the entry that a refresh read.
-- KEYS: 1 the key.
-- ARGV: 1 the identity of the value to replace ('' compares nothing; only tests that switch this safeguard off send it); 2
-- the entry; 3 its life in ms.
-- Returns 1 if the entry was stored, 0 if the key no longer holds the value to replace.
if redis.pcall('GETRANGE', KEYS[1], '0', '23') ~= ARGV[1] and ARGV[1] ~= '' then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
