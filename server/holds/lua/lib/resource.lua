-- The resource a script works on. KEYS[1] is "{id}:meta"; every other key of it carries the same hash tag.
-- ARGV[1] is the input, a msgpack map. Its `now` (µs) is given by tests alone: production goes by Redis' clock.

local input = cmsgpack.unpack(ARGV[1])
local tag = string.match(KEYS[1], '^(.*):meta$')

local function key(name, part)
  return tag .. ':' .. name .. (part and ':' .. part or '')
end

local function microseconds()
  if input.now then return input.now end
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local micros = microseconds()
local now = math.floor(micros / 1000)

local joined -- what the session's index said, where that was asked too; it goes with every answer

local function answer(content)
  content.now, content.joined = now, joined
  return cmsgpack.pack(content)
end

local function read_meta()
  local found = redis.call('HMGET', KEYS[1], 'epoch', 'version', 'layout', 'width', 'count', 'currency', 'run_id',
    'chunk', 'passed', 'first')
  return {
    epoch = found[1], version = tonumber(found[2] or 0), layout = tonumber(found[3]), width = tonumber(found[4]),
    count = tonumber(found[5]), currency = found[6], run_id = found[7],
    -- Of a grid alone: steps in a chunk; steps before this one are past; the first of those that are shown.
    chunk = tonumber(found[8]), passed = tonumber(found[9]), first = tonumber(found[10]),
  }
end

local meta = read_meta()
