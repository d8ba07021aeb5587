-- Puts found keys back into an index that was lost.
-- KEYS 1 index. ARGV 1 namespace, 2 its hash, 3.. keys. What a namespace nested in ours has written is left alone. A
-- lease whose members are lost is removed: which tags it would have had, nobody knows, and without a lease nothing is
-- stored.
for i = 3, #ARGV do
  local key = ARGV[1] .. ARGV[i]
  local head = redis.pcall('GETRANGE', key, 0, 79)
  local ours = type(head) == 'string' and string.sub(head, 1, 3) == '\202\196\237'
  if ours and string.byte(head, 8) == tonumber(ARGV[2]) then
    local kind = string.byte(head, 5)
    if kind == 2 and not redis.call('ZSCORE', KEYS[1], 'k' .. ARGV[i]) then
      redis.call('UNLINK', key)
    elseif kind == 1 and #head == 80 then
      redis.call('ZADD', KEYS[1], 0, 'k' .. ARGV[i])
      local length = struct.unpack('<I4', string.sub(head, 53, 56))
      local tags, at = redis.call('GETRANGE', key, 80, 79 + length), 1
      if length == 0 then tags = '' end
      while at + 1 <= #tags do
        local size = struct.unpack('<I2', string.sub(tags, at, at + 1))
        redis.call('ZADD', KEYS[1], 0, 't' .. string.sub(tags, at + 2, at + 1 + size) .. '\0' .. ARGV[i])
        at = at + 2 + size
      end
    end
  end
end
return 1
