-- Starts the grace of sessions that have holds here, as far as one process (or the field `leave`, HTTP's) can say:
-- what another process keeps up stays up.
-- uses: call resource live
--
-- In:  field, grace_ms, sessions
-- Out: status left

for _, session in ipairs(input.sessions) do
  if redis.call('EXISTS', key('session', session)) == 1 then
    set_liveness(session, input.field, now + input.grace_ms)
    weigh_liveness(session)
  end
end
return answer({status = 'left'})
