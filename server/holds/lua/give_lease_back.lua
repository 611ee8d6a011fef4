-- Ends one's own lease on rebuilding a resource. KEYS[1] is "{id}:loading".
-- uses: call
--
-- In:  token
-- Out: –

if redis.call('GET', KEYS[1]) == input.token then redis.call('DEL', KEYS[1]) end
return ''
