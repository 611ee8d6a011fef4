-- Liveness: a session's hash of process → live until (ms), and the latest of them in one set for all sessions.
-- A session without fields lives to its deadline.

local SAID_LATELY = 1000 -- ms

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

-- Notes that the session has a socket on this process and counts as alive until `live_until`, unless about the same was
-- noted less than SAID_LATELY ago. If a page of the session said that it leaves, that is taken back.
local function stays_alive(session, process, live_until)
  local flat, leaves, latest, before = redis.call('HGETALL', key('live', session)), false, live_until, 0
  for place = 1, #flat, 2 do
    if flat[place] == 'leave' then leaves = true
    elseif flat[place] == process then before = tonumber(flat[place + 1])
    else latest = math.max(latest, tonumber(flat[place + 1])) end
  end
  if not leaves and before <= live_until and live_until - before < SAID_LATELY then return end
  if leaves then redis.call('HDEL', key('live', session), 'leave') end
  set_liveness(session, process, live_until)
  redis.call('ZADD', key('lives'), latest, session)
end

-- Whoever is about to book is there until `moment`, whatever their sockets say; `booking` is no process' name.
local function stays_alive_until(session, moment)
  local latest = redis.call('ZSCORE', key('lives'), session)
  if latest and tonumber(latest) < moment then
    set_liveness(session, 'booking', moment)
    redis.call('ZADD', key('lives'), moment, session)
  end
end

-- A session that does something has not left, though its page may have said so.
local function take_back_leave(session)
  if redis.call('HDEL', key('live', session), 'leave') == 1 then weigh_liveness(session) end
end
