-- A confirmed booking is cancelled: booked → free, once for each hold.
-- uses: call bytes resource loaded steady days records holds commit
--
-- In:  holds (whole ones), booking, epoch
-- Out: status unbooked: version (what was done before, or before the resource was rebuilt, is not done again)
--      unloaded · loading
-- A hold that is remembered to have ended otherwise was never counted: whoever ended it did not hear so.

local REMEMBERED = 86400 -- s

local function first_time(hold)
  return redis.call('SET', key('unbooked', input.booking .. ':' .. hold.id), 1, 'NX', 'EX', REMEMBERED)
end

local function was_booked(hold)
  local known = read(hold.id)
  return not known or known.status == 'confirmed'
end

for _, hold in ipairs(meta.epoch == input.epoch and input.holds or {}) do
  if was_booked(hold) and first_time(hold) then
    for _, item in ipairs(hold.items) do change(item[1], 0, -item[2]) end
  end
end
commit()
return answer({status = 'unbooked', version = meta.version})
