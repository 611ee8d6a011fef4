-- Changes of holds: each stands under a key of its own, in its session's set, and by time in one of two sets.

local TOMBSTONE = 600000 -- ms for which an ended hold still answers with its last status

local function keep_new(hold)
  write_hold(hold)
  redis.call('ZADD', key('deadlines'), hold.expires_at, hold.id)
  redis.call('SADD', key('session', hold.session), hold.id)
end

local function keep(hold)
  local stands, leaves = key('deadlines'), key('paying')
  if hold.status == 'paying' then
    stands, leaves = leaves, stands
    hold.put_off, hold.awaits = nil, nil
  end
  write_hold(hold)
  redis.call('ZADD', stands, hold.expires_at, hold.id)
  redis.call('ZREM', leaves, hold.id)
  redis.call('SADD', key('session', hold.session), hold.id)
end

-- Lets a hold end no sooner than `moment`, because its booking may stand in PostgreSQL already.
local function put_off(hold, moment)
  hold.put_off, hold.expires_at = true, moment
  keep(hold)
  tell(hold, '')
end

local function forget_liveness(session)
  redis.call('DEL', key('live', session))
  redis.call('ZREM', key('lives'), session)
end

-- The ids of holds by a name of each.
local function ids_by(name_of, holds)
  local found = {}
  for _, hold in ipairs(holds) do
    local name = name_of(hold)
    if not found[name] then found[name] = {} end
    table.insert(found[name], hold.id)
  end
  return found
end

local function session_of(hold) return hold.session end
local function set_of(hold) return hold.status == 'paying' and 'paying' or 'deadlines' end

local function remove(command, set, ids)
  for start = 1, #ids, LOT do
    redis.call(command, set, unpack(ids, start, math.min(start + LOT - 1, #ids)))
  end
end

-- Takes holds out of all sets, together, for thousands may end at once; `status` is what they are remembered by.
local function bury_all(holds, status, reason)
  for set, ids in pairs(ids_by(set_of, holds)) do remove('ZREM', key(set), ids) end
  for session, ids in pairs(ids_by(session_of, holds)) do
    remove('SREM', key('session', session), ids)
    if redis.call('EXISTS', key('session', session)) == 0 then forget_liveness(session) end
  end
  for _, hold in ipairs(holds) do
    hold.status = status
    write_hold(hold, 'PX', TOMBSTONE)
    tell(hold, reason)
  end
end

local function bury(hold, status, reason)
  bury_all({hold}, status, reason)
end

local function finish_all(holds, status, reason)
  for _, hold in ipairs(holds) do
    for _, item in ipairs(hold.items) do
      change(item[1], -item[2], status == 'confirmed' and item[2] or 0)
    end
  end
  bury_all(holds, status, reason)
end

local function finish(hold, status, reason)
  finish_all({hold}, status, reason)
end
