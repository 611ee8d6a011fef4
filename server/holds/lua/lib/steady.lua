-- What bookings change waits while the resource is being rebuilt, for the rebuild has read PostgreSQL already.

-- each call:

if redis.call('EXISTS', key('loading')) == 1 then return answer({status = 'loading'}) end
