-- Removes keys by name: ours only, and not a spared lease.
-- KEYS 1 index. ARGV 1 namespace, 2 spared key or '', 3 its lease, 4.. keys. Returns how many entries went.
local removed, keys, members = 0, {}, {}
for i = 4, #ARGV do
  local key = ARGV[1] .. ARGV[i]
  local head = redis.pcall('GETRANGE', key, '0', ARGV[i] == ARGV[2] and '31' or '4')
  local ours = type(head) == 'string' and string.sub(head, 1, 3) == '\202\196\237'
  if not (ARGV[i] == ARGV[2] and head == ARGV[3]) then
    if ours then
      if string.byte(head, 5) == 1 then removed = removed + 1 end
      keys[#keys + 1] = key
    end
    members[#members + 1] = 'k' .. ARGV[i]
  end
end
if #keys > 0 then redis.call('UNLINK', unpack(keys)) end
if #members > 0 then redis.call('ZREM', KEYS[1], unpack(members)) end
return removed
