-- A pending booking is cancelled, or never came to be: its paying holds here go back to the cart.
-- uses: call bytes resource loaded steady days records holds commit keep live cart
--
-- In:  holds [ids], booking; expires_at (ms), or hold_ms, max_ms and first_hold_at to reckon it from; first_hold_at?
--      or undone, hold_ms, max_ms: each to the deadline that it had, reckoned where a rebuild has forgotten that
-- Out: status returned: holds (those that went back), expires_at (not where undone), version · unloaded · loading

local expires_at
if not input.undone then expires_at = given_deadline() end

local function deadline_of(hold)
  return expires_at or hold.held_until or shared_deadline(hold.first_hold_at)
end

local returned = {}
for _, id in ipairs(input.holds) do
  local hold = read(id)
  if hold and hold.status == 'paying' and hold.booking == input.booking then
    hold.status, hold.booking, hold.expires_at, hold.held_until = 'held', nil, deadline_of(hold), nil
    hold.first_hold_at = input.first_hold_at or hold.first_hold_at
    keep(hold)
    take_back_leave(hold.session)
    tell(hold, 'cancelled')
    returned[#returned + 1] = hold
  end
end
commit()
return answer({status = 'returned', holds = returned, expires_at = expires_at, version = meta.version})
