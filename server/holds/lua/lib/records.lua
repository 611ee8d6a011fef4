-- The dense state: for each slot four numbers of `width` bytes, little-endian: available, held, booked, capacity.
-- What is blocked has capacity 0. `available` always follows from the other three.

local FORMATS = {[1] = '<BBBB', [2] = '<HHHH', [4] = '<IIII'}
local records, touched = {}, {}

local function record(index)
  if not records[index] then
    local size = 4 * meta.width
    local bytes = redis.call('GETRANGE', key('slots'), index * size, (index + 1) * size - 1)
    local available, held, booked, capacity = struct.unpack(FORMATS[meta.width], bytes)
    records[index] = {available = available, held = held, booked = booked, capacity = capacity}
  end
  return records[index]
end

local function change(index, held, booked)
  local slot = record(index)
  slot.held, slot.booked = slot.held + held, slot.booked + booked
  slot.available = math.max(0, slot.capacity - slot.held - slot.booked)
  local bytes = struct.pack(FORMATS[meta.width], slot.available, slot.held, slot.booked, slot.capacity)
  redis.call('SETRANGE', key('slots'), index * 4 * meta.width, bytes)
  touched[index] = true
end

-- The final states of all that was touched, as the channel carries them: index, available, held, …, ascending.
local function changes()
  local indices, flat = {}, {}
  for index in pairs(touched) do indices[#indices + 1] = index end
  table.sort(indices)
  for _, index in ipairs(indices) do
    local slot = records[index]
    flat[#flat + 1], flat[#flat + 2], flat[#flat + 3] = index, slot.available, slot.held
  end
  return flat
end
