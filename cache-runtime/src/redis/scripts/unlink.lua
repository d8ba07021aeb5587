-- Unlinks stale entries, and drops their members from the catalogue.
-- KEYS: 1 the catalogue; 2.. the keys.
-- ARGV, for each key: the identity of the stale entry that was read there ('' if there was none); how many members of the
-- catalogue follow; those members.
-- Returns the number of unlinked entries. A key that holds another value by now is left alone.
local removed, at, members, gone = 0, 1, {}, {}
for i = 2, #KEYS do
  local identity, count = ARGV[at], tonumber(ARGV[at + 1])
  local found = redis.pcall('GETRANGE', KEYS[i], '0', '23')
  local drop = found == ''
  if identity ~= '' and found == identity then
    removed = removed + 1
    gone[#gone + 1] = KEYS[i]
    drop = true
  end
  for j = at + 2, at + 1 + count do
    if drop then members[#members + 1] = ARGV[j] end
  end
  at = at + 2 + count
end
if #gone > 0 then redis.call('UNLINK', unpack(gone)) end
if #members > 0 then redis.call('ZREM', KEYS[1], unpack(members)) end
return removed
