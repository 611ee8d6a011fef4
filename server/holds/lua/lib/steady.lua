-- For scripts that do what bookings decided. While the resource is being rebuilt they change nothing, for the rebuild
-- has read PostgreSQL already. At `loading` the caller waits and asks again; `abandoned` says that a rebuild was begun
-- and nobody has its lease any more: the caller has to finish it first.

-- each call:

if redis.call('EXISTS', key('loading'), key('unfinished')) > 0 then
  return answer({status = redis.call('EXISTS', key('loading')) == 1 and 'loading' or 'abandoned'})
end
