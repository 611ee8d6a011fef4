-- A session's own index of its holds; the resources decide, this only says where to look.
-- The last of KEYS is "{session:<id>}:cart", a hash: reference, owner, currency, first_hold_at (ms) of the open cart,
-- and for each hold, by its id, the entry [reference, resource, written at (ms)].
-- "{session:<id>}:ended:<hold>" says for a while in which resource an ended one was.

local ENDED = 600000 -- ms
local CART = {reference = true, owner = true, currency = true, first_hold_at = true}
local cart_key, session_tag

-- From here on it is about the index under `name`.
local function open_index(name)
  cart_key, session_tag = name, string.match(name, '^(.*):cart$')
end

local function ended_key(id)
  return session_tag .. ':ended:' .. id
end

local function answer(content)
  content.now = now
  return cmsgpack.pack(content)
end

-- The open cart, or nil, and all entries as [id, reference, resource, written at (ms)].
local function read_index()
  local flat, cart, entries = redis.call('HGETALL', cart_key), {}, {}
  for place = 1, #flat, 2 do
    local name, value = flat[place], flat[place + 1]
    if CART[name] then
      cart[name] = value
    else
      local entry = cmsgpack.unpack(value)
      entries[#entries + 1] = {name, entry[1], entry[2], entry[3]}
    end
  end
  if not cart.reference then return nil, entries end
  cart.first_hold_at = tonumber(cart.first_hold_at)
  return cart, entries
end

local function read_entry(id)
  local packed = redis.call('HGET', cart_key, id)
  return packed and cmsgpack.unpack(packed)
end

local function entry_of(entries, id)
  for _, entry in ipairs(entries) do
    if entry[1] == id then return entry end
  end
end

-- Whether there is one, `but` for the entry of this id.
local function has_entry_of(entries, reference, but)
  for _, entry in ipairs(entries) do
    if entry[2] == reference and entry[1] ~= but then return true end
  end
  return false
end

local function write_entry(id, entry)
  redis.call('HSET', cart_key, id, cmsgpack.pack(entry))
end

local function write_cart(cart)
  redis.call('HSET', cart_key, 'reference', cart.reference, 'owner', cart.owner, 'currency', cart.currency,
    'first_hold_at', cart.first_hold_at)
end

-- Opens a cart and writes the intent of its first hold.
local function write_cart_and_entry(cart, id, entry)
  redis.call('HSET', cart_key, 'reference', cart.reference, 'owner', cart.owner, 'currency', cart.currency,
    'first_hold_at', cart.first_hold_at, id, cmsgpack.pack(entry))
end

local function last(milliseconds_more)
  redis.call('PEXPIRE', cart_key, milliseconds_more)
end

-- Forgets an intent that led to no hold, unless it was noted anew since; its op may be tried again.
local function forget_intent(id, written_at)
  local entry = read_entry(id)
  if entry and entry[3] == written_at then redis.call('HDEL', cart_key, id) end
end

-- Forgets an entry, whose hold in `resource` has ended or was refused.
local function drop_entry(id, resource)
  redis.call('SET', ended_key(id), resource, 'PX', ENDED)
  redis.call('HDEL', cart_key, id)
end

local function close_cart()
  redis.call('HDEL', cart_key, 'reference', 'owner', 'currency', 'first_hold_at')
end

-- A cart ends with its last entry, or with that of the reference `close`.
local function close_ended_cart(close)
  local cart, entries = read_index()
  if cart and (cart.reference == close or not has_entry_of(entries, cart.reference)) then close_cart() end
end

-- each call:

open_index(KEYS[#KEYS])
