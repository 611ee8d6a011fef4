-- Ends one's own lease on rebuilding a resource. What may have been begun in PostgreSQL somebody has to finish.
-- uses: call resource
--
-- In:  token, untouched (PostgreSQL was not asked to begin)
-- Out: status given

if redis.call('GET', key('loading')) == input.token then redis.call('DEL', key('loading')) end
local unfinished = key('unfinished')
local token, times = unpack(redis.call('HMGET', unfinished, 'token', 'times'))
local is_nothing = not meta.epoch or (input.untouched and times == '1')
if token == input.token and is_nothing then redis.call('DEL', unfinished) end
return answer({status = 'given'})
