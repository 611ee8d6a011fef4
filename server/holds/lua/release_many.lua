-- Releases a hold, or a part of it, and forgets its entry if it has ended, in one call for many sessions where one
-- server has all of Redis: release.lua and index.lua.
-- uses: call bytes session resource loaded days records holds commit keep live ops releasing many
--
-- In:  as release.lua, of one hold (many.lua says in whose cart); resource
-- Out: a list of answers, as release.lua
--      apart: the session's index does not have the hold here, or it was done before; nothing changed
--      unloaded: in place of the list

local function release_one()
  local id, cart, entries = input.holds[1], read_index()
  local entry = entry_of(entries, id)
  if not entry or entry[3] ~= input.resource then return answer({status = 'apart'}) end
  local outcome, holds = release_holds()
  if holds[1] and holds[1].status ~= 'held' then
    drop_entry(id, input.resource)
    if cart and not has_entry_of(entries, cart.reference, id) then close_cart() end
  end
  return outcome
end

return each_of_many(release_one)
