-- How many of the keys hold an entry of ours; leases are none.
-- ARGV 1 namespace, 2.. keys.
local entries = 0
for i = 2, #ARGV do
  local head = redis.pcall('GETRANGE', ARGV[1] .. ARGV[i], 0, 4)
  if type(head) == 'string' and string.sub(head, 1, 3) == '\202\196\237' and string.byte(head, 5) == 1 then
    entries = entries + 1
  end
end
return entries
