-- Joins carts and holds, in one call for many sessions where one server has all of Redis: join.lua and hold.lua.
-- uses: call bytes session joining resource rebuilding loaded days records holds commit keep live due ops cart best taking many
--
-- In:  as join.lua (many.lua says whose cart); as hold.lua but for what follows from the index (reference,
--      first_hold_at, pending, joining); on_its_way_ms
-- Out: a list of answers, as hold.lua, with joined: what join.lua answers
--      apart: nothing was taken; what the session has elsewhere has to be seen first, or it can't join
--      unloaded: in place of the list

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

local function hold_one()
  joined = join()
  joined.now = now
  if joined.status ~= 'joined' or (not joined.created and has_elsewhere()) then
    return answer({status = 'apart'})
  end
  input.joining, input.pending = joined.reference, recent()
  return take_items()
end

return each_of_many(hold_one)
