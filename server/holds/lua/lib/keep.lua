-- Changes of holds: each stands under a key of its own, in its session's set, and by time in one of two sets.

local TOMBSTONE = 600000 -- ms for which an ended hold still answers with its last status

local function keep_new(hold)
  write_hold(hold)
  redis.call('ZADD', key('deadlines'), hold.expires_at, hold.id)
  redis.call('SADD', key('session', hold.session), hold.id)
end

local function keep(hold)
  local stands, leaves = key('deadlines'), key('paying')
  if hold.status == 'paying' then stands, leaves = leaves, stands end
  write_hold(hold)
  redis.call('ZADD', stands, hold.expires_at, hold.id)
  redis.call('ZREM', leaves, hold.id)
  redis.call('SADD', key('session', hold.session), hold.id)
end

local function forget_liveness(session)
  redis.call('DEL', key('live', session))
  redis.call('ZREM', key('lives'), session)
end

-- Takes a hold out of all sets; `status` is what it is remembered by.
local function bury(hold, status, reason)
  local session = key('session', hold.session)
  redis.call('ZREM', key('deadlines'), hold.id)
  redis.call('ZREM', key('paying'), hold.id)
  redis.call('SREM', session, hold.id)
  if redis.call('EXISTS', session) == 0 then forget_liveness(hold.session) end
  hold.status = status
  write_hold(hold, 'PX', TOMBSTONE)
  tell(hold, reason)
end

local function finish(hold, status, reason)
  for _, item in ipairs(hold.items) do
    change(item[1], -item[2], status == 'confirmed' and item[2] or 0)
  end
  bury(hold, status, reason)
end
