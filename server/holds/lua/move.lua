-- Moves the deadline of a cart's holds in this resource, and puts them under another reference if one is given.
-- uses: call bytes resource loaded days records holds commit keep live ops cart
--
-- In:  session, holds [ids], op?; expires_at (ms), or hold_ms, max_ms and first_hold_at to reckon it from
--      reference?, first_hold_at?
-- Out: status moved: holds (those still held, as they are now), expires_at, version · unloaded · op_reused

local before = remembered('move')
if before then return before end

local expires_at = given_deadline()
local moved = {}
for _, id in ipairs(input.holds) do
  local hold = read(id)
  if is_live(hold) and hold.status == 'held' and hold.session == input.session then
    move(hold, expires_at, input.reference, input.first_hold_at)
    moved[#moved + 1] = hold
  end
end
take_back_leave(input.session)
commit()
return remember('move', {status = 'moved', holds = moved, expires_at = expires_at, version = meta.version}, expires_at)
