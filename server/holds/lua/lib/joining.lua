-- Says which cart a new hold joins, and writes the intent down before the hold is made; see join.lua.

-- The resource in which a hold of this id has ended or, other than this one, is noted; a new id needs no lookup.
local function used_before(entry)
  local resource = not input.is_new and redis.call('GET', ended_key(input.id))
  if resource then return resource end
  return entry and entry[3] ~= input.resource and entry[3]
end

-- An entry that stands keeps its reference.
local function note_intent(cart, created, entry)
  local intent = {entry and entry[2] or cart.reference, input.resource, now}
  if created then write_cart_and_entry(cart, input.id, intent) else write_entry(input.id, intent) end
end

local function join()
  local cart, entries = read_index()
  local entry = entry_of(entries, input.id)
  local resource = used_before(entry)
  if resource then return {status = 'ended', resource = resource, reference = ''} end

  if cart and not has_entry_of(entries, cart.reference) then cart = nil end
  if cart and (cart.owner ~= input.owner or cart.currency ~= input.currency) then
    return {status = 'differs', reference = cart.reference, entries = entries}
  end
  local created = not cart
  cart = cart or {reference = input.fresh, owner = input.owner, currency = input.currency, first_hold_at = now}
  note_intent(cart, created, entry)
  last(input.lasts_ms)
  return {
    status = 'joined', reference = cart.reference, first_hold_at = cart.first_hold_at, created = created,
    entries = entries,
  }
end
