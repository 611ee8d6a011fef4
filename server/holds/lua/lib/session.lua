-- A session's own index of its holds; the resources decide, this only says where to look.
-- The last of KEYS is "{session:<id>}:cart", a hash: reference, owner, currency, first_hold_at (ms).
-- "{session:<id>}:holds" maps a hold's id to [reference, resource, written at (ms)];
-- "{session:<id>}:ended:<hold>" says for a while in which resource an ended one was.

local ENDED = 600000 -- ms

local input = cmsgpack.unpack(ARGV[1])
local cart_key = KEYS[#KEYS]
local tag = string.match(cart_key, '^(.*):cart$')
local holds_key = tag .. ':holds'

local function milliseconds()
  if input.now then return math.floor(input.now / 1000) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local now = milliseconds()

local function ended_key(id)
  return tag .. ':ended:' .. id
end

local function answer(content)
  content.now = now
  return cmsgpack.pack(content)
end

local function read_cart()
  local found = redis.call('HMGET', cart_key, 'reference', 'owner', 'currency', 'first_hold_at')
  if not found[1] then return nil end
  return {reference = found[1], owner = found[2], currency = found[3], first_hold_at = tonumber(found[4])}
end

local function write_cart(cart)
  redis.call('HSET', cart_key, 'reference', cart.reference, 'owner', cart.owner, 'currency', cart.currency,
    'first_hold_at', cart.first_hold_at)
end

-- All entries as [id, reference, resource, written at (ms)].
local function read_entries()
  local flat, entries = redis.call('HGETALL', holds_key), {}
  for place = 1, #flat, 2 do
    local entry = cmsgpack.unpack(flat[place + 1])
    entries[#entries + 1] = {flat[place], entry[1], entry[2], entry[3]}
  end
  return entries
end

local function has_entry_of(entries, reference)
  for _, entry in ipairs(entries) do
    if entry[2] == reference then return true end
  end
  return false
end

local function write_entry(id, entry)
  redis.call('HSET', holds_key, id, cmsgpack.pack(entry))
end

-- Notes that a hold is meant to be made now; an entry that stands keeps its reference.
local function write_intent(id, reference, resource)
  local packed = redis.call('HGET', holds_key, id)
  write_entry(id, {packed and cmsgpack.unpack(packed)[1] or reference, resource, now})
end

local function last(milliseconds_more)
  redis.call('PEXPIRE', cart_key, milliseconds_more)
  redis.call('PEXPIRE', holds_key, milliseconds_more)
end

-- Forgets an intent that led to no hold, unless it was noted anew since; its op may be tried again.
local function forget_intent(id, written_at)
  local packed = redis.call('HGET', holds_key, id)
  if packed and cmsgpack.unpack(packed)[3] == written_at then redis.call('HDEL', holds_key, id) end
end

-- Forgets an entry, whose hold has ended or was refused.
local function drop_entry(id)
  local packed = redis.call('HGET', holds_key, id)
  if not packed then return end
  redis.call('SET', ended_key(id), cmsgpack.unpack(packed)[2], 'PX', ENDED)
  redis.call('HDEL', holds_key, id)
end

-- A cart ends with its last entry, or with that of the reference `close`.
local function close_ended_cart(close)
  local cart = read_cart()
  if cart and (cart.reference == close or not has_entry_of(read_entries(), cart.reference)) then
    redis.call('DEL', cart_key)
  end
end
