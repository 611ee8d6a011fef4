-- A grid's records: a string for each chunk of its steps, `{id}:day:<number>`, written at its first change and
-- listed in the sorted set `{id}:days`. One that is absent is as the opening hours say. Whoever takes something
-- hands in what that is: `input.days` are the numbers of the chunks, `laid` their records, one after the other.

local KEPT = 2 -- chunks before that of `first`: they have all of yesterday
local found, stored
local laid -- the records that are handed in

local function first_kept(first)
  return math.floor(first / meta.chunk) - KEPT
end

local function handed_in(number)
  if number < first_kept(meta.first) then return nil end
  local size = 4 * meta.width * meta.chunk
  for place, each in ipairs(input.days or {}) do
    if each == number then return string.sub(laid, (place - 1) * size + 1, place * size) end
  end
end

-- A chunk's records; false if it is gone, being long past, or if nobody knows it.
local function day(number)
  if found[number] == nil then
    stored[number] = redis.call('GET', key('day', number))
    found[number] = stored[number] or handed_in(number) or false
  end
  return found[number]
end

local function put_day(number, bytes)
  redis.call('SET', key('day', number), bytes)
  redis.call('ZADD', key('days'), number, number)
  found[number], stored[number] = bytes, bytes
end

-- Writes neighbouring records, all of one chunk, from the step `index` on.
local function write_run(index, bytes)
  local number = math.floor(index / meta.chunk)
  if not stored[number] then put_day(number, day(number)) end
  redis.call('SETRANGE', key('day', number), index % meta.chunk * 4 * meta.width, bytes)
end

-- Forgets the chunks before `number`, or all.
local function forget_days(number)
  local below = number and '(' .. number or '+inf'
  for _, each in ipairs(redis.call('ZRANGEBYSCORE', key('days'), '-inf', below)) do
    redis.call('DEL', key('day', each))
  end
  redis.call('ZREMRANGEBYSCORE', key('days'), '-inf', below)
end

-- How many steps have begun by now, from the grid's origin on.
local function steps_begun()
  return math.floor((now - input.origin) / input.step_ms) + 1
end

-- What is handed in follows from a layout; if that is not the one that stands here, the answer that says so.
local function other_layout()
  if not meta.chunk or input.layout == meta.layout then return nil end
  if input.layout > meta.layout then return answer({status = 'outdated'}) end
  return answer({status = 'newer', layout = meta.layout})
end

-- each call:

found, stored, laid = {}, {}, ARGV[2]
