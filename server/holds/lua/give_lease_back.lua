-- Ends one's own lease on rebuilding a resource. KEYS[1] is "{id}:loading".
-- uses: nothing
--
-- In:  token
-- Out: –

if redis.call('GET', KEYS[1]) == cmsgpack.unpack(ARGV[1]).token then redis.call('DEL', KEYS[1]) end
return ''
