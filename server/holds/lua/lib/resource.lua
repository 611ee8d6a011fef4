-- The resource a script works on. KEYS[1] is "{id}:meta"; every other key of it carries the same hash tag.

local tag, meta
local joined -- what the session's index said, where that was asked too; it goes with every answer

local function key(name, part)
  return tag .. ':' .. name .. (part and ':' .. part or '')
end

local function answer(content)
  content.now, content.joined = now, joined
  return cmsgpack.pack(content)
end

-- An answer that is a packed map already, of fewer than 14 fields.
local function answer_packed(map)
  local more, count = '\163now' .. cmsgpack.pack(now), 1
  if joined then more, count = more .. '\166joined' .. cmsgpack.pack(joined), 2 end
  return string.char(string.byte(map) + count) .. string.sub(map, 2) .. more
end

-- An answer, or the function that makes it once all is written.
local function said(outcome)
  return type(outcome) == 'function' and outcome() or outcome
end

local function read_meta()
  local found = redis.call('HMGET', KEYS[1], 'epoch', 'version', 'layout', 'width', 'count', 'currency', 'run_id',
    'chunk', 'passed', 'first', 'told', 'longest')
  return {
    epoch = found[1], version = tonumber(found[2] or 0), layout = tonumber(found[3]), width = tonumber(found[4]),
    count = tonumber(found[5]), currency = found[6], run_id = found[7],
    -- Of a grid alone: steps in a chunk; steps before this one are past; the first of those that are shown.
    chunk = tonumber(found[8]), passed = tonumber(found[9]), first = tonumber(found[10]),
    -- The last version by which holds alone were told of; see commit.lua.
    told = tonumber(found[11] or 0),
    -- The longest that a hold was ever given (ms); see cart.lua.
    longest = tonumber(found[12] or 0),
  }
end

-- each call:

tag = string.match(KEYS[1], '^(.*):meta$')
meta, joined = read_meta(), nil
