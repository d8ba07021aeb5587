-- Stores a lease at a key that holds an unusable value of this cache, or nothing.
-- KEYS: 1 the key.
-- ARGV: 1 the lease (56 bytes); 2 its life in ms; 3 the identity of the value that may be replaced, or '' for any value
-- of this cache; 4 the hash of the namespace (8 bytes).
-- Returns 0 if the lease was stored; 1 if the key holds another value of this cache by now; 2 if it holds a foreign value.
local found = redis.pcall('GETRANGE', KEYS[1], '0', '31')
if type(found) == 'table' then return 2 end
if found == '' then
  -- The key does not exist, or another program has stored an empty string there; `NX` refuses the latter.
  if redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then return 0 end
  return 2
end
if string.sub(found, 1, 3) ~= '\202\196\237' then return 2 end
if string.byte(found, 4) == 2 and string.sub(found, 25, 32) ~= ARGV[4] then return 2 end
if ARGV[3] ~= '' and string.sub(found, 1, 24) ~= ARGV[3] then return 1 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 0
