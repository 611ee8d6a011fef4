-- Repairs a session's index: drops and writes entries, opens and closes the cart. It ends with its last entry.
-- uses: call session
--
-- In:  drop [ids], forget [[id, written at (ms)], …] (intents that led to nothing),
--      put [[id, reference, resource], …], cart? {reference, owner, currency, first_hold_at},
--      close? (a reference: the cart is closed if it has this one), lasts_ms
-- Out: status indexed

for _, id in ipairs(input.drop) do
  local entry = read_entry(id)
  if entry then drop_entry(id, entry[2]) end
end
for _, intent in ipairs(input.forget) do forget_intent(intent[1], intent[2]) end
for _, entry in ipairs(input.put) do write_entry(entry[1], {entry[2], entry[3], now}) end
if input.cart then write_cart(input.cart) end

close_ended_cart(input.close)
last(input.lasts_ms)
return answer({status = 'indexed'})
