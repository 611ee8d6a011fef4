-- Says that sessions are alive on one process: those that have holds here, for as long as `live_ms`.
-- uses: call resource live
--
-- In:  process, live_ms, sessions
-- Out: status renewed

for _, session in ipairs(input.sessions) do
  if redis.call('EXISTS', key('session', session)) == 1 then
    set_liveness(session, input.process, now + input.live_ms)
    redis.call('HDEL', key('live', session), 'leave')
    weigh_liveness(session)
  end
end
return answer({status = 'renewed'})
