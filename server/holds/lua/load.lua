-- Builds a resource anew under a new epoch: booked and paying from PostgreSQL, held from what Redis still has.
-- uses: call bytes resource rebuilding days records holds commit keep live
--
-- In:  token (the lease), resource, epoch, layout, width, count, currency, run_id
--      best [[category, candidates], …], pending: the holds of pending bookings, whole
--      confirmed: ids of holds that are booked by now, and of which Redis may have heard otherwise
--      returned: ids of holds of cancelled bookings that are about to go back to their cart
--      given_up: booking:hold of what is not booked any more, and that it may yet be asked to unbook
--      ARGV[2]: the records, nothing held · ARGV[3]: prices, 4 bytes each
--      of a grid besides: chunk, first, origin, step_ms, days; ARGV[2]: these days' records (days.lua)
-- Out: status loaded: version · lease_lost: somebody else is at it, nothing changed
--      needs: days, without which a grid's holds would be lost; nothing changed

local REMEMBERED = 86400 -- s

local function set_of(names)
  local set = {}
  for _, name in ipairs(names or {}) do set[name] = true end
  return set
end

local function ids(set)
  return redis.call('ZRANGE', key(set), 0, -1)
end

local function stored_holds(set)
  local found = {}
  for _, id in ipairs(ids(set)) do found[#found + 1] = read(id) end
  return found
end

local function put_meta()
  meta.epoch, meta.layout, meta.width, meta.count = input.epoch, input.layout, input.width, input.count
  redis.call('HSET', KEYS[1], 'epoch', meta.epoch, 'layout', meta.layout, 'width', meta.width, 'count', meta.count,
    'currency', input.currency, 'run_id', input.run_id)
  if input.chunk then
    meta.chunk, meta.first, meta.passed = input.chunk, input.first, steps_begun()
    redis.call('HSET', KEYS[1], 'chunk', meta.chunk, 'first', meta.first, 'passed', meta.passed)
  end
end

-- A grid's days that are needed for what stays and that were not handed in.
local function days_missing(held, paying, returned)
  local known, missing = {}, {}
  meta.chunk = input.chunk
  for _, number in ipairs(input.days) do known[number] = true end
  local function need(hold)
    for _, item in ipairs(hold.items) do
      local number = math.floor(item[1] / input.chunk)
      if not known[number] and number >= first_kept(input.first) then
        known[number] = true
        missing[#missing + 1] = number
      end
    end
  end
  for _, hold in ipairs(held) do need(hold) end
  for _, hold in ipairs(paying) do
    if returned[hold.id] then need(hold) end
  end
  return missing
end

local function put_days()
  forget_days()
  for _, number in ipairs(input.days) do put_day(number, handed_in(number)) end
end

local function put_slots()
  redis.call('SET', key('slots'), ARGV[2])
  redis.call('SET', key('prices'), ARGV[3])
  redis.call('DEL', key('best'))
  for _, list in ipairs(input.best) do redis.call('HSET', key('best'), list[1], cmsgpack.pack(list[2])) end
end

local function occupy(hold)
  for _, item in ipairs(hold.items) do change(item[1], item[2], 0) end
end

local function put_pending()
  local pending = {}
  for _, hold in ipairs(input.pending) do
    local old = read(hold.id)
    hold.first_hold_at = old and old.first_hold_at or hold.first_hold_at
    hold.held_until = old and old.held_until
    if hold.first_hold_at == 0 then hold.first_hold_at = hold.created_at end
    pending[hold.id] = true
    occupy(hold)
    keep(hold)
  end
  return pending
end

-- Ends a hold whose places count as PostgreSQL says: Redis remembers nothing of it.
local function drop(hold, status, reason)
  bury(hold, status, reason)
  redis.call('DEL', key('hold', hold.id))
end

local function fits(hold)
  for _, item in ipairs(hold.items) do
    if not (meta.chunk or item[1] < meta.count) or not has_room(item[1], item[2]) then return false end
  end
  return true
end

-- PostgreSQL no longer counts it as pending: it is booked by now, or its booking is over. What is to go back to its
-- cart (return_to_cart.lua) stays until it does.
local function drop_paid(pending, paying, confirmed, returned)
  for _, hold in ipairs(paying) do
    if pending[hold.id] then
      -- it is paying still
    elseif confirmed[hold.id] then
      drop(hold, 'confirmed', 'confirmed')
    elseif returned[hold.id] and fits(hold) then
      occupy(hold)
    else
      drop(hold, 'released', 'cancelled')
    end
  end
end

-- If the hold is booked, it was after PostgreSQL was read. The word of that can come from now on, and gets its time.
local function give_time_for_word(hold)
  local moment = now + AWAITED
  if hold.expires_at < moment then put_off(hold, moment) end
  stays_alive_until(hold.session, moment)
end

local function keep_what_fits(pending, held, confirmed)
  for _, hold in ipairs(held) do
    if pending[hold.id] then
      -- it is paying now
    elseif confirmed[hold.id] then
      drop(hold, 'confirmed', 'confirmed')
    elseif fits(hold) then
      occupy(hold)
      if waits_for_word(hold) then give_time_for_word(hold) end
    else
      bury(hold, 'lost', 'lost')
    end
  end
end

-- Forgets how Redis remembers holds to have ended that are booked: it may have ended them having lost their booking,
-- and unbook.lua would go by that.
local function forget_endings(pending)
  for _, id in ipairs(input.confirmed or {}) do
    if not pending[id] then redis.call('DEL', key('hold', id)) end
  end
end

-- What was read as given up is not counted in this epoch, and is marked as taken out of it: nobody does so once more.
local function forget_given_up()
  for _, name in ipairs(input.given_up or {}) do
    redis.call('SET', key('unbooked', name), meta.epoch, 'EX', REMEMBERED)
  end
end

if not is_builder(input.token) then return answer({status = 'lease_lost'}) end

local held, paying = stored_holds('deadlines'), stored_holds('paying')
local returned = set_of(input.returned)
table.sort(held, by_age)
if input.chunk then
  local missing = days_missing(held, paying, returned)
  if #missing > 0 then return answer({status = 'needs', days = missing}) end
end
put_meta()
if input.chunk then put_days() else put_slots() end
local pending, confirmed = put_pending(), set_of(input.confirmed)
drop_paid(pending, paying, confirmed, returned)
keep_what_fits(pending, held, confirmed)
forget_endings(pending)
forget_given_up()
redis.call('DEL', key('loading'), key('unfinished'))
commit_reset()
return answer({status = 'loaded', version = meta.version})
