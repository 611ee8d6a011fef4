-- The best places: blocks are tried best first; in a block, the places nearest to its middle.
-- A choice that leaves a single free seat between taken ones (an orphan) is made only where none avoids it.
-- `best` of a resource maps a category ('' for any) to its candidates: [start, length, from, to, starts_at], where
-- the block is start … start + length - 1, from … to is the part that may be chosen, and starts_at (ms) is 0 or
-- the time from which it is too late.

local function candidates(category)
  local packed = redis.call('HGET', key('best'), category)
  return packed and cmsgpack.unpack(packed) or {}
end

-- How many are free of each slot of a block, from 1.
local function free_of(start, length)
  local size = 4 * meta.width
  local bytes = redis.call('GETRANGE', key('slots'), start * size, (start + length) * size - 1)
  local format, free = FORMATS[meta.width], {}
  for place = 1, length do
    free[place] = (struct.unpack(format, bytes, (place - 1) * size + 1))
  end
  return free
end

-- The free runs of a block as [first, last], from 1.
local function free_runs(free)
  local runs, first = {}, nil
  for place = 1, #free + 1 do
    local is_free = (free[place] or 0) > 0
    if is_free and not first then first = place end
    if first and not is_free then
      runs[#runs + 1] = {first, place - 1}
      first = nil
    end
  end
  return runs
end

local function orphans(run, first, last)
  return (first - run[1] == 1 and 1 or 0) + (run[2] - last == 1 and 1 or 0)
end

-- The best placement in one block: {orphans, distance to the middle (in half seats), first place}, or nil.
local function place_in_block(candidate, quantity)
  local start, length, from, to = unpack(candidate)
  local chosen
  for _, run in ipairs(free_runs(free_of(start, length))) do
    for first = math.max(run[1], from - start + 1), math.min(run[2], to - start + 1) - quantity + 1 do
      local last = first + quantity - 1
      local found = {orphans(run, first, last), math.abs(first + last - length - 1), first}
      if not chosen or found[1] < chosen[1] or (found[1] == chosen[1] and found[2] < chosen[2]) then
        chosen = found
      end
    end
  end
  return chosen
end

local function is_past(candidate)
  return candidate[5] > 0 and candidate[5] <= now
end

local function seats(first, quantity)
  local items = {}
  for index = first, first + quantity - 1 do items[#items + 1] = {index, 1} end
  return items
end

-- Side by side in one block, or as many places as wanted of one slot that has them.
local function choose_together(list, quantity, own)
  local fewest, best
  for _, candidate in ipairs(list) do
    local start, length = candidate[1], candidate[2]
    if is_past(candidate) then
      -- too late for this one
    elseif length == 1 and quantity > 1 then
      if not own[start] and record(start).available >= quantity then return {{start, quantity}} end
    elseif not (length == 1 and own[start]) then
      local found = place_in_block(candidate, quantity)
      if found and (not fewest or found[1] < fewest) then
        fewest, best = found[1], seats(start + found[3] - 1, quantity)
        if fewest == 0 then return best end
      end
    end
  end
  return best
end

local function choose_anywhere(list, quantity, own)
  local items, wanted = {}, quantity
  for _, candidate in ipairs(list) do
    for index = candidate[3], is_past(candidate) and -1 or candidate[4] do
      local available = own[index] and 0 or record(index).available
      if available > 0 then
        local some = math.min(available, wanted)
        items[#items + 1] = {index, some}
        wanted = wanted - some
        if wanted == 0 then return items end
      end
    end
  end
end

local function by_index(one, other) return one[1] < other[1] end

local function choose_best(best, own)
  local list = candidates(best.category or '')
  local items = choose_together(list, best.quantity, own)
  if not items and not best.adjacent then items = choose_anywhere(list, best.quantity, own) end
  if items then table.sort(items, by_index) end
  return items
end
