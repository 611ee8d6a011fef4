-- Holds, one key each; those that are live also stand in their session's set and in one of two sets by time.

local LOT = 1000 -- arguments of one call: Lua passes no more than some thousands
local packed_holds -- as they stand in Redis, by the table of each

local function unpacked_hold(packed)
  if not packed then return nil end
  local hold = cmsgpack.unpack(packed)
  packed_holds[hold] = packed
  return hold
end

local function read(id)
  return unpacked_hold(redis.call('GET', key('hold', id)))
end

-- Those that there are, in this order.
local function read_all(ids)
  local names, found = {}, {}
  for place, id in ipairs(ids) do names[place] = key('hold', id) end
  for start = 1, #names, LOT do
    for _, packed in ipairs(redis.call('MGET', unpack(names, start, math.min(start + LOT - 1, #names)))) do
      found[#found + 1] = unpacked_hold(packed)
    end
  end
  return found
end

-- A hold as it was last read or written.
local function packed_hold(hold)
  return packed_holds[hold]
end

local function write_hold(hold, ...)
  packed_holds[hold] = cmsgpack.pack(hold)
  redis.call('SET', key('hold', hold.id), packed_holds[hold], ...)
end

-- A hold past its deadline counts as ended, swept or not; one that is being paid ends only by its booking.
local function is_live(hold)
  return hold and (hold.status == 'paying' or (hold.status == 'held' and hold.expires_at > now))
end

local function by_age(one, other)
  if one.created_at ~= other.created_at then return one.created_at < other.created_at end
  return one.id < other.id
end

-- All live holds of a session in this resource, the oldest first.
local function holds_of(session)
  local found = {}
  for _, hold in ipairs(read_all(redis.call('SMEMBERS', key('session', session)))) do
    if is_live(hold) then found[#found + 1] = hold end
  end
  table.sort(found, by_age)
  return found
end

-- each call:

packed_holds = {}
