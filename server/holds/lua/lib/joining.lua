-- Says which cart a new hold joins, and writes the intent down before the hold is made; see join.lua.

local function join()
  local resource = redis.call('GET', ended_key(input.id))
  if resource then return {status = 'ended', resource = resource, reference = ''} end

  local entries = read_entries()
  for _, entry in ipairs(entries) do
    if entry[1] == input.id and entry[3] ~= input.resource then
      return {status = 'ended', resource = entry[3], reference = ''}
    end
  end
  local cart = read_cart()
  if cart and not has_entry_of(entries, cart.reference) then cart = nil end
  if cart and (cart.owner ~= input.owner or cart.currency ~= input.currency) then
    return {status = 'differs', reference = cart.reference, entries = entries}
  end
  local created = not cart
  if created then
    cart = {reference = input.fresh, owner = input.owner, currency = input.currency, first_hold_at = now}
    write_cart(cart)
  end
  write_intent(input.id, cart.reference, input.resource)
  last(input.lasts_ms)
  return {
    status = 'joined', reference = cart.reference, first_hold_at = cart.first_hold_at, created = created,
    entries = entries,
  }
end
