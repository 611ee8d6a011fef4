-- Gives holds back, all of them or a part of one; see release.lua.

local function own_holds()
  local found = {}
  for _, id in ipairs(input.holds) do
    local hold = read(id)
    if hold and hold.session == input.session then found[#found + 1] = hold end
  end
  return found
end

local function quantities(items)
  local found = {}
  for _, item in ipairs(items) do found[item[1]] = item[2] end
  return found
end

-- What is left of the hold's items, or nil if it has less than that.
local function remaining(hold, items)
  local given, left = quantities(items), {}
  for _, item in ipairs(hold.items) do
    local rest = item[2] - (given[item[1]] or 0)
    if rest < 0 then return nil end
    if rest > 0 then left[#left + 1] = {item[1], rest, item[3]} end
    given[item[1]] = nil
  end
  if next(given) then return nil end
  return left
end

local function release_part(hold, left)
  for _, item in ipairs(input.items) do change(item[1], -item[2], 0) end
  hold.items = left
  keep(hold)
  tell(hold, '')
end

-- Until when the last of them lives that still holds something.
local function living(holds)
  local last = now
  for _, hold in ipairs(holds) do
    if hold.status == 'held' then last = math.max(last, hold.expires_at) end
  end
  return last
end

-- Of holds as they are now, given back at a step.
local function released(holds, at)
  return function()
    local packed = {}
    for place, hold in ipairs(holds) do packed[place] = packed_hold(hold) end
    local bytes = '\165holds' .. list_head(#packed) .. table.concat(packed)
    return remember('release', {status = 'released', version = version_at(at)}, living(holds), 1, bytes)
  end
end

-- What is to be `said` once all is written, and the holds as they are now; no holds where nothing changed.
local function release_holds()
  local before = remembered('release')
  if before then return before, {} end

  local holds, released_at = own_holds(), nil
  for _, hold in ipairs(holds) do
    if hold.status == 'paying' then return answer({status = 'paying'}), {} end
  end
  for _, hold in ipairs(holds) do
    if hold.status == 'held' then
      local left = input.items and remaining(hold, input.items)
      if input.items and not left then return answer({status = 'excess'}), {} end
      if left and #left > 0 then release_part(hold, left) else finish(hold, 'released', 'released') end
      released_at = step
    end
  end
  return released(holds, released_at), holds
end
