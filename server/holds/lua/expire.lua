-- Gives back one batch of what is due: one version, one publish.
-- uses: call bytes resource loaded days records holds commit keep due
--
-- In:  limit, liveness (whether it counts besides deadlines), reference? (only this cart)
-- Out: status expired: holds (what ended), next? (ms, when there is more to do), epoch, version, layout, run_id
--      unloaded

local function earliest(set)
  return tonumber(redis.call('ZRANGE', key(set), 0, 0, 'WITHSCORES')[2])
end

local function next_due()
  local deadline, live_until = earliest('deadlines'), input.liveness and earliest('lives')
  if deadline and live_until then return math.min(deadline, live_until) end
  return deadline or live_until or nil
end

end_due(input.limit, input.liveness, input.reference)
commit()
local ended = {}
for _, event in ipairs(events) do ended[#ended + 1] = event.hold end
return answer({
  status = 'expired', holds = ended, next = next_due(), epoch = meta.epoch, version = meta.version,
  layout = meta.layout, run_id = meta.run_id or '',
})
