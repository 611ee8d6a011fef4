-- A booking is confirmed: its holds here, held or paying, become booked for good.
-- uses: call bytes resource loaded steady days records holds commit keep
--
-- In:  holds [ids], booking
-- Out: status confirmed: version · unloaded · loading
-- A hold that is not live is left alone: it was confirmed before, or counted when the resource was built.

local function may_be_confirmed(hold)
  if not hold or (hold.booking and hold.booking ~= input.booking) then return false end
  return hold.status == 'held' or hold.status == 'paying'
end

for _, id in ipairs(input.holds) do
  local hold = read(id)
  if may_be_confirmed(hold) then
    hold.booking = input.booking
    redis.call('DEL', key('unbooked', input.booking .. ':' .. id))
    finish(hold, 'confirmed', 'confirmed')
  end
end
commit()
return answer({status = 'confirmed', version = meta.version})
