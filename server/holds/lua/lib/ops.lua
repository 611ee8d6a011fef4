-- The memory of ops: the same op twice is one effect and the first answer.

local AFTER = 600000 -- ms beyond the hold

local function op_key()
  return key('op', input.session .. ':' .. input.op)
end

-- The first answer, if this op was done before.
local function remembered(command)
  local packed = input.op and redis.call('GET', op_key())
  if not packed then return nil end
  local first = cmsgpack.unpack(packed)
  if first.command ~= command then return answer({status = 'op_reused'}) end
  first.replayed = true
  return answer(first)
end

-- Answers `content`, with `count` more fields that are packed in `bytes`, and remembers it.
local function remember(command, content, live_until, count, bytes)
  content.command = input.op and command
  local packed = extended(content, count or 0, bytes or '')
  if input.op then redis.call('SET', op_key(), packed, 'PX', math.max(0, live_until - now) + AFTER) end
  return answer_packed(packed)
end
