-- Liveness: a session's hash of process → live until (ms), and the latest of them in one set for all sessions.
-- A session without fields lives to its deadline.

local function weigh_liveness(session)
  local latest
  for _, live_until in ipairs(redis.call('HVALS', key('live', session))) do
    latest = math.max(latest or 0, tonumber(live_until))
  end
  if latest then
    redis.call('ZADD', key('lives'), latest, session)
  else
    redis.call('ZREM', key('lives'), session)
  end
end

local function set_liveness(session, field, live_until)
  redis.call('HSET', key('live', session), field, live_until)
end

-- A session that does something has not left, though its page may have said so.
local function take_back_leave(session)
  if redis.call('HDEL', key('live', session), 'leave') == 1 then weigh_liveness(session) end
end
