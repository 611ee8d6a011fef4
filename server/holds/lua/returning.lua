-- Whose each of several sessions is, and its whole index: those who were dropped together come back together.
-- uses: call session
-- flags: no-writes
--
-- In:  – (of KEYS, two for each session: that of its user and that of its cart)
-- Out: sessions, in order: is_bound, entries, cart? {reference, owner, currency, first_hold_at}

local sessions = {}
for place = 1, #KEYS, 2 do
  cart_key = KEYS[place + 1]
  local cart, entries = read_index()
  sessions[#sessions + 1] = {is_bound = redis.call('EXISTS', KEYS[place]) == 1, entries = entries, cart = cart}
end
return answer({sessions = sessions})
