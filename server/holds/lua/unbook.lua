-- A confirmed booking is cancelled: booked → free, once for each hold in an epoch.
-- uses: call bytes resource loaded steady days records holds commit
--
-- In:  holds (whole ones), booking, epoch
-- Out: status unbooked: version (what was done before, or before the resource was rebuilt, is not done again)
--      unloaded · loading
-- A hold that Redis remembers to have ended in another way was never counted as booked here, for Redis had not heard of
-- its booking: nothing is taken off for it. Nor for what the rebuild of this epoch read as given up (load.lua).

local REMEMBERED = 86400 -- s

local function first_time(hold)
  local name = key('unbooked', input.booking .. ':' .. hold.id)
  if redis.call('GET', name) == meta.epoch then return false end
  redis.call('SET', name, meta.epoch, 'EX', REMEMBERED)
  return true
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
