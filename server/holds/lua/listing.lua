-- A session's whole index.
-- uses: call session
-- flags: no-writes
--
-- In:  –
-- Out: status listed: entries, cart? {reference, owner, currency, first_hold_at}

local cart, entries = read_index()
return answer({status = 'listed', entries = entries, cart = cart})
