-- A booking begins to be paid: held → paying, all of its holds here or none; once more, with a later deadline.
-- uses: call bytes resource loaded steady days records holds commit keep
--
-- In:  holds [ids], booking, until_ms
-- Out: status paying (also when they are already, for this booking) · ended: ended [ids], nothing changed
--      unloaded · loading
-- Each notes until when it was held (`held_until`), for a booking that comes to nothing elsewhere.

local function may_be_paid(hold)
  if not is_live(hold) then return false end
  return hold.status == 'held' or hold.booking == input.booking
end

local holds, ended = {}, {}
for _, id in ipairs(input.holds) do
  local hold = read(id)
  if may_be_paid(hold) then holds[#holds + 1] = hold else ended[#ended + 1] = id end
end
if #ended > 0 then return answer({status = 'ended', ended = ended}) end

for _, hold in ipairs(holds) do
  if hold.status == 'held' or hold.expires_at < input.until_ms then
    if hold.status == 'held' then hold.held_until = hold.expires_at end
    hold.status, hold.booking, hold.expires_at = 'paying', input.booking, input.until_ms
    keep(hold)
    tell(hold, '')
  end
end
commit()
return answer({status = 'paying', holds = holds, version = meta.version})
