-- A session is about to book what it holds here: answers these holds. One that would end within `wait_ms` lasts until
-- then, for its booking may stand in PostgreSQL before Redis hears of it. Nor does it end during a rebuild: see
-- lib/rebuilding.lua.
-- uses: call bytes resource rebuilding days records holds commit keep live
--
-- In:  session, holds [ids], wait_ms
-- Out: status awaited: holds (as they are now, ended ones too; unknown ones are left out)
-- A deadline is put off once, until an extension moves it: nobody prolongs a hold by asking again and again.

local moment = now + input.wait_ms

local function may_be_booked(hold)
  return meta.epoch and hold.status == 'held' and (is_live(hold) or waits_for_word(hold))
end

local function wait_for_word(hold)
  local ends_too_soon = hold.expires_at < moment and (not hold.put_off or waits_for_word(hold))
  hold.awaits = moment
  if ends_too_soon then put_off(hold, moment) else write_hold(hold) end
end

local packed = {}
for _, id in ipairs(input.holds) do
  local hold = read(id)
  if hold then
    if may_be_booked(hold) then wait_for_word(hold) end
    packed[#packed + 1] = packed_hold(hold)
  end
end
stays_alive_until(input.session, moment)
commit()
return answer_packed(extended({status = 'awaited'}, 1, '\165holds' .. list_head(#packed) .. table.concat(packed)))
