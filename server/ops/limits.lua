-- Requests against a rate, by the generic cell rate algorithm (ITU-T I.371).
-- KEYS     the subjects' buckets: of each the theoretical arrival time of its next request, in microseconds
-- ARGV[1]  the interval at which requests may come for ever, in microseconds
-- ARGV[2]  how far ahead of that a burst may run, in microseconds
-- ARGV[3…] how many requests each subject makes at once
-- answers  for each subject how many may go on, and the microseconds until one more may
-- Nothing stands further ahead than a burst but by a clock that has gone back since: that subject begins anew.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local answers = {}
for place, key in ipairs(KEYS) do
  local arrival = math.max(tonumber(redis.call('GET', key) or now), now)
  if arrival > now + burst then arrival = now end
  local granted = math.floor((now + burst - arrival) / interval)
  granted = math.max(0, math.min(granted, tonumber(ARGV[2 + place])))
  if granted > 0 then
    arrival = arrival + granted * interval
    redis.call('SET', key, string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000) + 1)
  end
  answers[place] = {granted, math.max(0, arrival + interval - burst - now)}
end
return answers
