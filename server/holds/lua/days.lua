-- All that is known of a grid at one moment.
-- uses: call resource
-- flags: no-writes
--
-- In:  –
-- Out: no map but a list: now (µs); epoch, version, layout, width, run_id, chunk, passed, first of its meta; the
--      numbers of its chunks, and their records in the same order

local numbers = redis.call('ZRANGE', key('days'), 0, -1)
local chunks = {}
for place, number in ipairs(numbers) do chunks[place] = redis.call('GET', key('day', number)) end
return {
  string.format('%.0f', micros),
  redis.call('HMGET', KEYS[1], 'epoch', 'version', 'layout', 'width', 'run_id', 'chunk', 'passed', 'first'),
  numbers,
  chunks,
}
