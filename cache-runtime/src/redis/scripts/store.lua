-- Stores an entry over the lease that its loader planted, or over the entry that a refresh read, and over nothing else.
-- KEYS 1 key. ARGV 1 identity of what may be replaced ('' compares nothing: for tests of the tests only), 2 entry, 3 life
-- in ms. Returns 1 stored, 0 what was to be replaced no longer stands.
if redis.pcall('GETRANGE', KEYS[1], '0', '23') ~= ARGV[1] and ARGV[1] ~= '' then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
