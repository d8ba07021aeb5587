-- One step of a removal by range of the index.
-- KEYS 1 index. ARGV 1 namespace, 2 from, 3 to, 4 how many members at most, 5 spared key or '', 6 its lease,
-- 7 for leases with tags not yet known: 't' the tag, 'p' a beginning of tags; else '', 8 that tag,
-- 9.. further tags that an entry must carry too; a lease, which may come to carry them, goes without them.
-- Returns {-1} the index is not complete; {entries removed, last member} more to come; {entries removed} done.
if not redis.call('ZSCORE', KEYS[1], 'm') then return {-1} end
local members = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
-- What is asked of the server for each key costs most of this: one look, and one command at the end for all of them. Its
-- numbers are texts, which the script engine need not turn into any.
local removed, gone, keys, seen = 0, {}, {}, {}
local function starts(text, prefix) return string.sub(text, 1, #prefix) == prefix end
for _, member in ipairs(members) do
  local kind, key, named = string.sub(member, 1, 1), nil, true
  if kind == 'k' then
    key = string.sub(member, 2)
  else
    local label
    label, key = string.match(member, '^.([^%z]*)%z(.*)$')
    if ARGV[7] == 't' then named = starts(ARGV[8], label) end
    if ARGV[7] == 'p' then named = starts(ARGV[8], label) or starts(label, ARGV[8]) end
  end
  if named and key then
    local head = redis.pcall('GETRANGE', ARGV[1] .. key, '0', key == ARGV[5] and '31' or '4')
    local ours = type(head) == 'string' and string.sub(head, 1, 3) == '\202\196\237'
    local what = ours and string.byte(head, 5)
    -- A member of the kind u: the key's next value may come to carry any tag that begins so, and others besides.
    local open = what == 2 or kind == 'u'
    for i = 9, #ARGV do
      if not open and not redis.call('ZSCORE', KEYS[1], 't' .. ARGV[i] .. '\0' .. key) then named = false end
    end
    if named and not (key == ARGV[5] and head == ARGV[6]) then
      -- Two tags of one key may both be in the range.
      if ours and not seen[key] then
        seen[key] = true
        keys[#keys + 1] = ARGV[1] .. key
        if what == 1 then removed = removed + 1 end
      end
      gone[#gone + 1] = member
    end
  end
end
if #keys > 0 then redis.call('UNLINK', unpack(keys)) end
if #gone > 0 then redis.call('ZREM', KEYS[1], unpack(gone)) end
if #members == tonumber(ARGV[4]) then return {removed, members[#members]} end
return {removed}
