-- Removes keys by name: ours only, and not a spared lease.
-- KEYS 1 a name at which nothing stands, 2.. keys. ARGV 1 hash of the namespace (8 bytes), 2 number of the spared key
-- among those, or 0, 3 identity of its lease. Returns how many entries went.
local removed, gone = 0, {}
for i = 2, #KEYS do
  local head = redis.pcall('GETRANGE', KEYS[i], '0', '31')
  local ours = type(head) == 'string' and string.sub(head, 1, 3) == '\202\196\237'
    and (string.byte(head, 4) ~= 2 or string.sub(head, 25, 32) == ARGV[1])
  if ours and not (tostring(i - 1) == ARGV[2] and string.sub(head, 1, 24) == ARGV[3]) then
    if string.byte(head, 5) == 1 then removed = removed + 1 end
    gone[#gone + 1] = KEYS[i]
  end
end
-- Also where nothing is there to remove: a server that takes no writes any more must say so.
gone[#gone + 1] = KEYS[1]
redis.call('UNLINK', unpack(gone))
return removed
