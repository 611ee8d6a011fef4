-- A session means to hold something: says which cart that joins, and writes the intent down before it is done.
-- uses: session
--
-- In:  id, resource, owner, currency, fresh (the reference of a new cart), lasts_ms
-- Out: status joined: reference, first_hold_at, created (the cart is new), entries (those of before, whole)
--      differs: the cart has another owner or currency; entries; nothing changed
--      ended: this hold was made or refused before, in `resource`; nothing changed

local resource = redis.call('GET', ended_key(input.id))
if resource then return answer({status = 'ended', resource = resource, reference = ''}) end

local entries = read_entries()
local cart = read_cart()
if cart and not has_entry_of(entries, cart.reference) then cart = nil end
if cart and (cart.owner ~= input.owner or cart.currency ~= input.currency) then
  return answer({status = 'differs', reference = cart.reference, entries = entries})
end
local created = not cart
if created then
  cart = {reference = input.fresh, owner = input.owner, currency = input.currency, first_hold_at = now}
  write_cart(cart)
end
write_entry_once(input.id, {cart.reference, input.resource, now})
last(input.lasts_ms)
return answer({
  status = 'joined', reference = cart.reference, first_hold_at = cart.first_hold_at, created = created,
  entries = entries,
})
