-- Forgets a resource that is gone from the catalogue; its holds are told `lost`.
-- uses: call bytes resource days records holds commit keep
--
-- In:  –
-- Out: status unloaded (always)

redis.call('DEL', key('unfinished'))
if not meta.epoch then return answer({status = 'unloaded'}) end
for _, set in ipairs({'deadlines', 'paying'}) do
  for _, id in ipairs(redis.call('ZRANGE', key(set), 0, -1)) do
    local hold = read(id)
    if hold then bury(hold, 'lost', 'lost') end
  end
end
local from = meta.version
meta.version = next_version()
publish_events()
publish_change(from, '\192')
forget_days()
for _, name in ipairs({'slots', 'prices', 'best', 'log', 'deadlines', 'paying', 'lives'}) do
  redis.call('DEL', key(name))
end
redis.call('DEL', KEYS[1])
return answer({status = 'unloaded'})
