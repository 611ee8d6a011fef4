-- Ends one's own lease on rebuilding a resource. That the rebuild is unfinished stays noted where PostgreSQL may have
-- begun it and Redis knows the resource: then somebody has to finish it.
-- uses: call resource
--
-- In:  token, untouched (PostgreSQL was not asked to begin)
-- Out: status released

if redis.call('GET', key('loading')) == input.token then redis.call('DEL', key('loading')) end
local unfinished = key('unfinished')
local token, times = unpack(redis.call('HMGET', unfinished, 'token', 'times'))
local is_nothing = not meta.epoch or (input.untouched and times == '1')
if token == input.token and is_nothing then redis.call('DEL', unfinished) end
return answer({status = 'released'})
