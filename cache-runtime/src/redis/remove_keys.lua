-- Removes keys by name: ours only, and not a spared lease.
-- KEYS 1 index. ARGV 1 namespace, 2 spared key or '', 3 its lease, 4.. keys. Returns how many entries went.
local removed = 0
for i = 4, #ARGV do
  local key = ARGV[1] .. ARGV[i]
  local head = redis.pcall('GETRANGE', key, 0, 31)
  local ours = type(head) == 'string' and string.sub(head, 1, 3) == '\202\196\237'
  if not (ARGV[i] == ARGV[2] and head == ARGV[3]) then
    if ours then
      if string.byte(head, 5) == 1 then removed = removed + 1 end
      redis.call('UNLINK', key)
    end
    redis.call('ZREM', KEYS[1], 'k' .. ARGV[i])
  end
end
return removed
