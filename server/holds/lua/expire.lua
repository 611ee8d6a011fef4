-- Gives back one batch of what is due: one version, one publish. Shortens deadlines after the clock went back.
-- uses: call bytes resource rebuilding loaded days records holds commit keep live due
--
-- In:  limit, liveness (whether it counts besides deadlines), reference? (only this cart)
-- Out: status expired: holds (what ended), next? (ms, when there is more to do), epoch, version, layout, run_id
--      abandoned (whether a rebuild was begun, and nobody is at it)
--      unloaded

local CLOCKS_DIFFER = 10000 -- ms: by another server's clock, or waiting for its booking, a hold may have longer left

-- The clock went back, because it was set or another server took over: holds would last longer by what it went back.
-- One that has longer left than any hold was ever given has that longest time from now on, and its cart counts as
-- opened by now.
local function bring_back(limit)
  local last = now + meta.longest
  local from = string.format('(%.0f', last + CLOCKS_DIFFER)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('deadlines'), from, '+inf', 'LIMIT', 0, limit)) do
    local hold = read(id)
    hold.expires_at, hold.put_off = last, nil
    hold.first_hold_at = math.min(hold.first_hold_at or now, now)
    keep(hold)
    tell(hold, '')
  end
end

local function is_abandoned()
  return unfinished_since() and redis.call('EXISTS', key('loading')) == 0
end

local function earliest(set)
  return tonumber(redis.call('ZRANGE', key(set), 0, 0, 'WITHSCORES')[2])
end

local function next_due()
  local deadline, live_until = earliest('deadlines'), input.liveness and earliest('lives')
  if deadline and live_until then return math.min(deadline, live_until) end
  return deadline or live_until or nil
end

if meta.longest > 0 then bring_back(input.limit) end
end_due(input.limit, input.liveness, input.reference)
commit()
local ended = {}
for _, event in ipairs(events) do
  if event.reason ~= '' then ended[#ended + 1] = packed_hold(event.hold) end
end
return answer_packed(extended({
  status = 'expired', next = next_due(), epoch = meta.epoch, version = meta.version,
  layout = meta.layout, run_id = meta.run_id or '', abandoned = is_abandoned() or nil,
}, 1, '\165holds' .. list_head(#ended) .. table.concat(ended)))
