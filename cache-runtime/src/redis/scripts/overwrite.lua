-- Stores an entry. It replaces any value that this cache wrote in the same namespace, and no other value.
-- KEYS: 1 the key.
-- ARGV: 1 the hash of the namespace (8 bytes); 2 the entry; 3 its life in ms.
-- Returns 1 if the entry was stored, 0 if the key holds a foreign value.
local found = redis.pcall('GETRANGE', KEYS[1], '0', '31')
if type(found) == 'table' then return 0 end
if found == '' then
  if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
else
  if string.sub(found, 1, 3) ~= '\202\196\237' then return 0 end
  if string.byte(found, 4) == 2 and string.sub(found, 25, 32) ~= ARGV[1] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
