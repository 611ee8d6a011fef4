-- Prolongs one's own lease on rebuilding a resource, or takes it again where it ran out and nobody else did.
-- uses: call resource rebuilding
--
-- In:  token, lease_ms
-- Out: status renewed · lease_lost: somebody else is at it, or was

if not is_builder(input.token) then return answer({status = 'lease_lost'}) end
redis.call('SET', key('loading'), input.token, 'PX', input.lease_ms)
return answer({status = 'renewed'})
