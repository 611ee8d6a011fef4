-- Gives one hold back, or a part of it, and forgets the entry of one that has ended, in one call where one server has
-- all of Redis: release.lua and index.lua. KEYS[2] is the session's cart.
-- uses: call bytes session resource loaded days records holds commit keep live ops releasing
--
-- In:  as release.lua, of one hold; resource
-- Out: as release.lua
--      apart: the session's index does not have the hold here, or it was done before; nothing changed

local id = input.holds[1]
local entry = read_entry(id)
if not entry or entry[2] ~= input.resource then return answer({status = 'apart'}) end
local said, holds = release_holds()
if holds[1] and holds[1].status ~= 'held' then
  drop_entry(id)
  close_ended_cart()
end
return said
