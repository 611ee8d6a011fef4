-- A rebuild that was begun and that nobody has finished yet: "{id}:unfinished" is a hash of `since` (ms, when it was
-- first begun), `times` (how often it was begun) and `token` (of whoever began it last). The lease by which one process
-- at a time may rebuild is "{id}:loading", which ends by itself; see lease.lua.

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

-- What bookings change waits for a rebuild (steady.lua). A hold that was about to be booked shortly before the rebuild
-- began, or since, does not end meanwhile, for what waits may be the word that it was booked. Once the rebuild is done
-- it has AWAITED more for that word to come.
local function waits_for_word(hold)
  return hold.status == 'held' and hold.awaits and unfinished_since() and hold.awaits > since
end

-- each call:

since = nil
