-- A rebuild that was begun and that nobody has finished yet: "{id}:unfinished" is a hash of `since` (ms, when it was
-- begun first), `times` (how often) and `token` (whose it is: who began it last). The right to do it for a while is
-- "{id}:loading", which ends by itself; see lease.lua.

local AWAITED = 5000 -- ms that a hold waits for its booking, as carts.py has it
local since -- false: nothing is unfinished; nil: nobody has looked

local function unfinished_since()
  if since == nil then since = tonumber(redis.call('HGET', key('unfinished'), 'since')) or false end
  return since
end

-- Whether it is this token's, and nobody else is at it.
local function is_builder(token)
  local lease = redis.call('GET', key('loading'))
  return redis.call('HGET', key('unfinished'), 'token') == token and (not lease or lease == token)
end

-- What bookings change waits for a rebuild. A hold whose booking was asked for so lately that its word may be what
-- waits does not end meanwhile, and has its time for that word once the rebuild is done.
local function waits_for_word(hold)
  return hold.status == 'held' and hold.awaits and unfinished_since() and hold.awaits > since
end

-- each call:

since = nil
