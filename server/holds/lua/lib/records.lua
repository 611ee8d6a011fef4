-- The dense state: for each slot four numbers of `width` bytes, little-endian: available, held, booked, capacity.
-- What is blocked has capacity 0. `available` always follows from the other three.
-- A grid's records are in one string for each chunk of its steps (days.lua); nobody can have a step that is past.

local FORMATS = {[1] = '<BBBB', [2] = '<HHHH', [4] = '<IIII'}
local records, touched, altered

-- The bytes that a slot's record is in and where it begins, from 1; nil for a step of a chunk that is gone.
local function bytes_of(index)
  local size = 4 * meta.width
  if meta.chunk then
    local bytes = day(math.floor(index / meta.chunk))
    return bytes, index % meta.chunk * size + 1
  end
  return redis.call('GETRANGE', key('slots'), index * size, (index + 1) * size - 1), 1
end

local function is_past(index)
  return meta.passed and index < meta.passed
end

local function unpacked(index)
  local bytes, start = bytes_of(index)
  if not bytes then return {available = 0, held = 0, booked = 0, capacity = 0, gone = true} end
  local available, held, booked, capacity = struct.unpack(FORMATS[meta.width], bytes, start)
  if is_past(index) then available = 0 end
  return {available = available, held = held, booked = booked, capacity = capacity}
end

local function record(index)
  if not records[index] then records[index] = unpacked(index) end
  return records[index]
end

-- Whether so many places are neither held nor booked. A past step may have room, too: whoever had it before keeps it.
local function has_room(index, quantity)
  local slot = record(index)
  return slot.gone or slot.capacity - slot.held - slot.booked >= quantity
end

local function packed(slot)
  local free = math.max(0, slot.capacity - slot.held - slot.booked)
  return struct.pack(FORMATS[meta.width], free, slot.held, slot.booked, slot.capacity)
end

-- Adds to what is held and booked of a slot. A step so long past that its record is gone is left alone.
local function change(index, held, booked)
  local slot = record(index)
  if slot.gone then return end
  slot.held, slot.booked = slot.held + held, slot.booked + booked
  slot.available = is_past(index) and 0 or math.max(0, slot.capacity - slot.held - slot.booked)
  if meta.chunk then
    altered[index] = true
  else
    redis.call('SETRANGE', key('slots'), index * 4 * meta.width, packed(slot))
  end
  touched[index] = true
end

-- A grid's changes are written when all are made, neighbours together.
local function write_altered()
  if not next(altered) then return end
  local indices, run = {}, {}
  for index in pairs(altered) do indices[#indices + 1] = index end
  table.sort(indices)
  for place, index in ipairs(indices) do
    local following = indices[place + 1]
    run[#run + 1] = packed(records[index])
    if following ~= index + 1 or following % meta.chunk == 0 then
      write_run(index + 1 - #run, table.concat(run))
      run = {}
    end
  end
  altered = {}
end

-- The step is told anew, though nothing of it was taken or given.
local function touch(index)
  record(index)
  touched[index] = true
end

local function is_shown(index)
  return not meta.chunk or (index >= meta.first and index < meta.first + meta.count)
end

-- The final states of all that was touched, as the channel carries them: index, available, held, …, ascending.
local function changes()
  local indices, flat = {}, {}
  for index in pairs(touched) do
    if is_shown(index) then indices[#indices + 1] = index end
  end
  table.sort(indices)
  for _, index in ipairs(indices) do
    local slot = records[index]
    flat[#flat + 1], flat[#flat + 2], flat[#flat + 3] = index, slot.available, slot.held
  end
  return flat
end

-- each call:

records, touched, altered = {}, {}, {}
