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

local function remember(command, content, live_until)
  if input.op then
    content.command = command
    redis.call('SET', op_key(), cmsgpack.pack(content), 'PX', math.max(0, live_until - now) + AFTER)
  end
  return answer(content)
end
