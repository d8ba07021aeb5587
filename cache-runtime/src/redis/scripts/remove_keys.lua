-- Removes keys by name. Foreign values, and the caller's own lease, stay.
-- KEYS: 1 a key that never exists; 2.. the keys to remove.
-- ARGV: 1 the hash of the namespace (8 bytes); 2 the position of the caller's own lease among the keys to remove, or 0; 3
-- the identity of that lease.
-- Returns the number of removed entries; leases do not count.
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
-- A write is sent even if there is nothing to remove, so that a server that refuses writes returns its error.
gone[#gone + 1] = KEYS[1]
redis.call('UNLINK', unpack(gone))
return removed
