-- One request against a rate, by the generic cell rate algorithm (ITU-T I.371).
-- KEYS[1]  the subject's bucket: the theoretical arrival time of its next request, in microseconds
-- ARGV[1]  the interval at which requests may come for ever, in microseconds
-- ARGV[2]  how far ahead of that a burst may run, in microseconds
-- answers  0 if it may go on, else the microseconds to wait
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval = tonumber(ARGV[1])
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = arrival + interval - tonumber(ARGV[2]) - now
if wait > 0 then
  return wait
end
redis.call('SET', KEYS[1], string.format('%.0f', arrival + interval), 'PX', math.ceil((arrival + interval - now) / 1000) + 1)
return 0
