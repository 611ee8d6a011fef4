-- A payment came late: takes the same items again as paying, all of them or none.
-- uses: call bytes resource rebuilding loaded steady days records holds commit keep live due
--
-- In:  holds (whole ones), booking, until_ms; of a grid: layout, days; ARGV[2]: these days' records (days.lua)
-- Out: status paying: version · taken: slots (indices), nothing changed but what was due · unloaded · loading
--      of a grid: outdated · newer: layout (the one that stands here)
-- That a step has begun meanwhile is no reason against it.

-- The hold as it stands, if nothing of it has to be taken again.
local function standing(hold)
  local found = read(hold.id)
  if not is_live(found) then return nil end
  if found.status == 'held' or found.booking == input.booking then return found end
end

local function missing()
  local needed, slots = {}, {}
  for _, hold in ipairs(input.holds) do
    if not standing(hold) then
      for _, item in ipairs(hold.items) do needed[item[1]] = (needed[item[1]] or 0) + item[2] end
    end
  end
  for index, quantity in pairs(needed) do
    if not (meta.chunk or index < meta.count) or not has_room(index, quantity) then slots[#slots + 1] = index end
  end
  table.sort(slots)
  return slots
end

local function take_again(hold)
  for _, item in ipairs(hold.items) do change(item[1], item[2], 0) end
  return hold
end

local other = other_layout()
if other then return other end
local slots = missing()
if #slots > 0 and end_all_due(true) then slots = missing() end
if #slots > 0 then
  commit()
  return answer({status = 'taken', slots = slots, version = meta.version})
end
for _, hold in ipairs(input.holds) do
  local taken = standing(hold) or take_again(hold)
  taken.status, taken.booking, taken.expires_at = 'paying', input.booking, input.until_ms
  keep(taken)
  tell(taken, '')
end
commit()
return answer({status = 'paying', version = meta.version})
