-- Renews or ends a run under an Idempotency-Key, if it is still ours.
-- KEYS[1]  the key's record
-- ARGV[1]  the record we wrote when we began; anything else belongs to a later run and stays
-- ARGV[2]  the same record, to renew it; the answer to keep; or "" to forget the run
-- ARGV[3]  how long to keep it, in seconds
-- answers  1 if it was ours, else 0
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
end
return 1
