-- Time has come on for a grid: steps that have begun can no longer be had, at its midnight what is shown moves on.
-- uses: call bytes resource loaded days records holds commit
--
-- In:  layout, origin, step_ms, first (step of its today), count (steps shown from there)
-- Out: status passed: version, passed (steps before it are past), first · unloaded · outdated
--      newer: layout (the one that stands here)
-- Neither ever goes back, however many processes ask.

local other = other_layout()
if other then return other end

local function begin_steps()
  local before = meta.passed
  meta.passed = math.max(before, steps_begun())
  redis.call('HSET', KEYS[1], 'passed', meta.passed)
  for index = math.max(before, meta.first), meta.passed - 1 do touch(index) end
end

local function begin_day()
  meta.first, meta.count = input.first, input.count
  redis.call('HSET', KEYS[1], 'first', meta.first, 'count', meta.count)
  forget_days(first_kept(meta.first))
end

if input.first > meta.first then
  begin_day()
  begin_steps()
  commit_reset()
elseif steps_begun() > meta.passed then
  begin_steps()
  commit()
end
return answer({status = 'passed', version = meta.version, passed = meta.passed, first = meta.first})
