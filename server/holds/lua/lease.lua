-- Takes the right to rebuild a resource, for a while; whoever has it renews it (renew_lease.lua). That the rebuild was
-- begun is noted until somebody has finished it. Each further try has a lease twice as long: else, on a machine that
-- stands still for seconds, processes would take it from one another for ever.
-- uses: call resource
--
-- In:  token, lease_ms, most_ms
-- Out: status leased: lease_ms, times (how often it was begun, and not finished) · loading: somebody has it

if redis.call('EXISTS', key('loading')) == 1 then return answer({status = 'loading'}) end
local unfinished = key('unfinished')
local times = redis.call('HINCRBY', unfinished, 'times', 1)
redis.call('HSETNX', unfinished, 'since', now)
redis.call('HSET', unfinished, 'token', input.token)
local lease_ms = math.min(input.lease_ms * 2 ^ math.min(times - 1, 10), math.max(input.lease_ms, input.most_ms))
redis.call('SET', key('loading'), input.token, 'PX', lease_ms)
return answer({status = 'leased', lease_ms = lease_ms, times = times})
