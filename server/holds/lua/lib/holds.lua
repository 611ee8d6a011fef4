-- Holds, one key each; those that are live also stand in their session's set and in one of two sets by time.

local TOMBSTONE = 600000 -- ms for which an ended hold still answers with its last status

local function read(id)
  local packed = redis.call('GET', key('hold', id))
  return packed and cmsgpack.unpack(packed)
end

-- A hold past its deadline counts as ended, swept or not; one that is being paid ends only by its booking.
local function is_live(hold)
  return hold and (hold.status == 'paying' or (hold.status == 'held' and hold.expires_at > now))
end

local function keep(hold)
  local stands, leaves = key('deadlines'), key('paying')
  if hold.status == 'paying' then stands, leaves = leaves, stands end
  redis.call('SET', key('hold', hold.id), cmsgpack.pack(hold))
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
  redis.call('SET', key('hold', hold.id), cmsgpack.pack(hold), 'PX', TOMBSTONE)
  tell(hold, reason)
end

local function finish(hold, status, reason)
  for _, item in ipairs(hold.items) do
    change(item[1], -item[2], status == 'confirmed' and item[2] or 0)
  end
  bury(hold, status, reason)
end

-- All live holds of a session in this resource, the oldest first.
local function holds_of(session)
  local found = {}
  for _, id in ipairs(redis.call('SMEMBERS', key('session', session))) do
    local hold = read(id)
    if is_live(hold) then found[#found + 1] = hold end
  end
  table.sort(found, function(one, other)
    if one.created_at ~= other.created_at then return one.created_at < other.created_at end
    return one.id < other.id
  end)
  return found
end
