-- A confirmed booking is cancelled: booked → free, once for each hold.
-- uses: call bytes resource loaded steady days records holds commit
--
-- In:  holds (whole ones), booking, epoch
-- Out: status unbooked: version (what was done before, or before the resource was rebuilt, is not done again)
--      unloaded · loading

local REMEMBERED = 86400 -- s

local function first_time(hold)
  return redis.call('SET', key('unbooked', input.booking .. ':' .. hold.id), 1, 'NX', 'EX', REMEMBERED)
end

for _, hold in ipairs(meta.epoch == input.epoch and input.holds or {}) do
  if first_time(hold) then
    for _, item in ipairs(hold.items) do change(item[1], 0, -item[2]) end
  end
end
commit()
return answer({status = 'unbooked', version = meta.version})
