-- Removes keys by name. Foreign values, and the caller's own lease, stay. Publishes the names if some process keeps values
-- that Redis does not have (the mark `m` of the ledger), or if that is not known, because there is no ledger or another one
-- than the caller knows.
-- KEYS: 1 a key that never exists; 2 the ledger; 3.. the keys to remove.
-- ARGV: 1 the hash of the namespace (8 bytes); 2 the position of the caller's own lease among the keys to remove, or 0; 3
-- the identity of that lease; 4 the birth id that the caller knows, or ''; 5 the channel; 6 the message with the names.
-- Returns the number of removed entries; leases do not count.
local known = redis.pcall('ZMSCORE', KEYS[2], 'm', 'b' .. ARGV[4])
if known.err then
  -- The user may not run ZMSCORE, or a foreign value of another type is at the key: then an error counts as a mark.
  known = {redis.pcall('ZSCORE', KEYS[2], 'm'), redis.pcall('ZSCORE', KEYS[2], 'b' .. ARGV[4])}
end
if known[1] or not known[2] then
  -- Redis refuses this if the user may not publish. As in `record.lua`, nobody may rely on messages then, and only the mark `q`
  -- in the ledger that the caller knows says so. Nothing is removed before, so that the removal is made again as a whole.
  local heard = redis.pcall('PUBLISH', ARGV[5], ARGV[6])
  if type(heard) ~= 'number' then
    if type(known[2]) ~= 'string' or not redis.call('ZSCORE', KEYS[2], 'q') then
      return redis.error_reply('QUIET the user may not publish removals, and others may rely on that')
    end
  end
end
local removed, gone = 0, {}
for i = 3, #KEYS do
  local head = redis.pcall('GETRANGE', KEYS[i], '0', '31')
  local ours = type(head) == 'string' and string.sub(head, 1, 3) == '\202\196\237'
    and (string.byte(head, 4) ~= 2 or string.sub(head, 25, 32) == ARGV[1])
  if ours and not (tostring(i - 2) == ARGV[2] and string.sub(head, 1, 24) == ARGV[3]) then
    if string.byte(head, 5) == 1 then removed = removed + 1 end
    gone[#gone + 1] = KEYS[i]
  end
end
-- A write is sent even if there is nothing to remove, so that a server that refuses writes returns its error.
gone[#gone + 1] = KEYS[1]
redis.call('UNLINK', unpack(gone))
return removed
