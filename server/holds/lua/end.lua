-- A pending booking ends without its holds going back: paying → free.
-- uses: call bytes resource loaded steady days records holds commit keep
--
-- In:  holds [ids], booking, as (released or expired), reason
-- Out: status ended: version · unloaded · loading

for _, id in ipairs(input.holds) do
  local hold = read(id)
  if hold and hold.status == 'paying' and hold.booking == input.booking then
    finish(hold, input.as, input.reason)
  end
end
commit()
return answer({status = 'ended', version = meta.version})
