-- Stores an entry over whatever of ours stands at the key.
-- KEYS 1 key. ARGV 1 hash of the namespace (8 bytes), 2 entry, 3 life in ms.
-- Returns 1 stored, 0 what stands there is not ours.
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
