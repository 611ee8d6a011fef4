-- A session's whole index.
-- uses: session
-- flags: no-writes
--
-- In:  –
-- Out: status listed: entries, cart? {reference, owner, currency, first_hold_at}

return answer({status = 'listed', entries = read_entries(), cart = read_cart()})
