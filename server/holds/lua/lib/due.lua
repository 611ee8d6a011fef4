-- Ends what is past its deadline, and what belongs to sessions that are gone; but not what waits for a rebuild.

local function end_by_deadline(limit, reference)
  local ids = redis.call('ZRANGEBYSCORE', key('deadlines'), '-inf', now, 'LIMIT', 0, limit)
  local due, waiting = {}, 0
  for _, hold in ipairs(read_all(ids)) do
    if not reference or hold.reference == reference then
      if waits_for_word(hold) then
        put_off(hold, now + AWAITED)
        waiting = waiting + 1
      else
        due[#due + 1] = hold
      end
    end
  end
  finish_all(due, 'expired', 'deadline')
  return #due + waiting
end

local function end_session(session, reference)
  local left = {}
  for _, hold in ipairs(holds_of(session)) do
    if waits_for_word(hold) then
      set_liveness(session, 'booking', now + AWAITED)
      weigh_liveness(session)
      return 0
    end
    if hold.status == 'held' and (not reference or hold.reference == reference) then left[#left + 1] = hold end
  end
  finish_all(left, 'released', 'left')
  if not reference then forget_liveness(session) end
  return #left
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
