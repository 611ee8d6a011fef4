-- What bookings change waits while the resource is being rebuilt, for the rebuild has read PostgreSQL already; and
-- where nobody is at one that was begun, until somebody finishes it.

-- each call:

if redis.call('EXISTS', key('loading'), key('unfinished')) > 0 then
  return answer({status = redis.call('EXISTS', key('loading')) == 1 and 'loading' or 'abandoned'})
end
