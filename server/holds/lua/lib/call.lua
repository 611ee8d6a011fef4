-- What a call brings, and when it is. ARGV[1] is the input, a msgpack map. Its `now` (µs) is given by tests alone:
-- production goes by Redis' clock.

local input, micros, now

local function microseconds()
  if input.now then return input.now end
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- each call:

input = cmsgpack.unpack(ARGV[1])
micros = microseconds()
now = math.floor(micros / 1000)
