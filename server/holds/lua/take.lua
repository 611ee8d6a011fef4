-- Joins the session's index and takes, in one call, where one server has all of Redis: join.lua and hold.lua.
-- uses: call bytes session joining resource loaded days records holds commit keep due live ops cart best taking
--
-- In:  as join.lua (KEYS[2] is the session's cart); as hold.lua but for what follows from the index (reference,
--      first_hold_at, pending, joining); other, the reference of a cart that is new in this resource alone
--      on_its_way_ms
-- Out: as hold.lua, with joined: what join.lua answers
--      apart: nothing was taken; what the session has elsewhere has to be seen first, or it can't join

local function has_elsewhere()
  for _, entry in ipairs(joined.entries) do
    if entry[3] ~= input.resource then return true end
  end
  return false
end

local function recent()
  local found = {}
  for _, entry in ipairs(joined.entries) do
    if entry[2] == joined.reference and now - entry[4] < input.on_its_way_ms then found[#found + 1] = entry[1] end
  end
  return found
end

joined = join()
joined.now = now
if joined.status ~= 'joined' or (not joined.created and has_elsewhere()) then
  return answer({status = 'apart'})
end
input.joining, input.pending = joined.reference, recent()
if not joined.created then input.fresh = input.other end
return take_items()
