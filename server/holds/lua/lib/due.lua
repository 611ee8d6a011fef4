-- Ends what is past its deadline, and what belongs to sessions that are gone.

local function end_by_deadline(limit, reference)
  local ended = 0
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('deadlines'), '-inf', now, 'LIMIT', 0, limit)) do
    local hold = read(id)
    if not reference or hold.reference == reference then
      finish(hold, 'expired', 'deadline')
      ended = ended + 1
    end
  end
  return ended
end

local function end_session(session, reference)
  local ended = 0
  for _, hold in ipairs(holds_of(session)) do
    if hold.status == 'held' and (not reference or hold.reference == reference) then
      finish(hold, 'released', 'left')
      ended = ended + 1
    end
  end
  if not reference then forget_liveness(session) end
  return ended
end

local function end_by_liveness(limit, reference)
  local ended = 0
  for _, session in ipairs(redis.call('ZRANGEBYSCORE', key('lives'), '-inf', now, 'LIMIT', 0, limit)) do
    if ended >= limit then break end
    ended = ended + math.max(1, end_session(session, reference)) -- a session without held holds is progress too
  end
  return ended
end

-- One batch. `liveness` is false while a process does not trust it (after an outage); deadlines always count.
local function end_due(limit, liveness, reference)
  local ended = end_by_deadline(limit, reference)
  if liveness and ended < limit then
    ended = ended + end_by_liveness(limit - ended, reference)
  end
  return ended
end

-- What a buyer asks for is never refused because a sweep is late.
local function end_all_due(liveness)
  local ended = 0
  repeat
    local batch = end_due(1000, liveness)
    ended = ended + batch
  until batch == 0
  return ended > 0
end
