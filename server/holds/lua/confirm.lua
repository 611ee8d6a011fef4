-- A booking is confirmed: its holds here, held or paying, become booked for good.
-- uses: resource loaded steady records commit holds
--
-- In:  holds [ids], booking
-- Out: status confirmed: unknown [ids] (neither live for this booking nor confirmed by it before), version
--      unloaded · loading

local function is_ours(hold)
  return hold and (hold.booking == nil or hold.booking == input.booking)
end

local unknown = {}
for _, id in ipairs(input.holds) do
  local hold = read(id)
  if is_ours(hold) and (hold.status == 'held' or hold.status == 'paying') then
    hold.booking = input.booking
    finish(hold, 'confirmed', 'confirmed')
  elseif not (is_ours(hold) and hold.status == 'confirmed') then
    unknown[#unknown + 1] = id
  end
end
commit()
return answer({status = 'confirmed', unknown = unknown, version = meta.version})
