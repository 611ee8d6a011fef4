-- Repairs a session's index: drops and writes entries, opens and closes the cart. It ends with its last entry.
-- uses: session
--
-- In:  drop [ids], put [[id, reference, resource], …], cart? {reference, owner, currency, first_hold_at},
--      close? (a reference: the cart is closed if it has this one), lasts_ms
-- Out: status indexed

local function drop(id)
  local packed = redis.call('HGET', holds_key, id)
  if not packed then return end
  redis.call('SET', ended_key(id), cmsgpack.unpack(packed)[2], 'PX', ENDED)
  redis.call('HDEL', holds_key, id)
end

for _, id in ipairs(input.drop) do drop(id) end
for _, entry in ipairs(input.put) do write_entry(entry[1], {entry[2], entry[3], now}) end
if input.cart then write_cart(input.cart) end

local cart = read_cart()
if cart and (cart.reference == input.close or not has_entry_of(read_entries(), cart.reference)) then
  redis.call('DEL', KEYS[1])
end
last(input.lasts_ms)
return answer({status = 'indexed'})
