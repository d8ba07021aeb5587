-- Plants a lease where something of ours stands that may be replaced.
-- KEYS 1 key. ARGV 1 lease (56 bytes), 2 its life in ms, 3 identity of what may be replaced, or '' for anything of ours,
-- 4 hash of the namespace (8 bytes).
-- Returns 0 planted; 1 something else of ours stands there now; 2 what stands there is not ours.
local found = redis.pcall('GETRANGE', KEYS[1], '0', '31')
if type(found) == 'table' then return 2 end
if found == '' then
  -- Nothing, or an empty string of somebody else's.
  if redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then return 0 end
  return 2
end
if string.sub(found, 1, 3) ~= '\202\196\237' then return 2 end
if string.byte(found, 4) == 2 and string.sub(found, 25, 32) ~= ARGV[4] then return 2 end
if ARGV[3] ~= '' and string.sub(found, 1, 24) ~= ARGV[3] then return 1 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 0
