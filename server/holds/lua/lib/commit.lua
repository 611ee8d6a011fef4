-- One version, one log entry and one publish for all that a script changed.
-- Where one call does what several ask (many.lua), each has a step, from 0, and so a version of its own, as if they
-- came one after the other; the channel goes to the last.

local LOG_KEEPS, LOG_TRIMS, LOG_SECONDS, LOG_AT_MOST = 2000, 64, 60, 200000
local LOG_LOOKS = 16 -- versions: whether the log is too long is seen at one of so many, by chance
local events, step

-- Let every process hear of a hold that changed. `reason` is '' unless it ended or went back to its cart.
local function tell(hold, reason)
  events[#events + 1] = {hold = hold, reason = reason, step = step}
end

-- A resource's channel is a shard channel: in a cluster it is served where the resource is.
local function publish_change(from, packed)
  redis.call('SPUBLISH', 'holdfast:' .. tag .. ':changes',
    '\148' .. cmsgpack.pack(meta.epoch) .. cmsgpack.pack(from) .. cmsgpack.pack(meta.version) .. packed)
end

local function next_version()
  return math.max(meta.version + 1, meta.told + 1, micros) + step
end

-- The oldest entries go in lots, once there are twice as many as promised and all of the lot are old enough.
local function trim_log(log)
  if meta.version % LOG_LOOKS ~= 0 then return end
  local length = redis.call('XLEN', log)
  if length <= LOG_KEEPS then return end
  local lot = redis.call('XRANGE', log, '-', '+', 'COUNT', LOG_TRIMS)
  local youngest = tonumber(string.match(lot[#lot][1], '^%d+'))
  if youngest < micros - LOG_SECONDS * 1000000 then
    redis.call('XTRIM', log, 'MAXLEN', length - LOG_TRIMS)
  end
end

local function log_and_publish(from, flat)
  local log, packed = key('log'), cmsgpack.pack(flat)
  redis.call('XADD', log, 'MAXLEN', '~', LOG_AT_MOST, string.format('%.0f-0', meta.version),
    'from', string.format('%.0f', from), 'changes', packed)
  trim_log(log)
  publish_change(from, packed)
end

-- The version of what was done at the step `at`, or the last one if nothing was done; right only after the commit.
local function version_at(at)
  return meta.version - (at and step - at or 0)
end

local function publish_events()
  if #events == 0 then return end
  local last = math.max(meta.version, meta.told) - step
  local parts, epoch = {list_head(#events)}, '\165epoch' .. cmsgpack.pack(meta.epoch) .. '\167version'
  for _, event in ipairs(events) do
    parts[#parts + 1] = '\132\164hold' .. packed_hold(event.hold)
      .. '\166reason' .. cmsgpack.pack(event.reason) .. epoch .. cmsgpack.pack(last + event.step)
  end
  redis.call('PUBLISH', 'holdfast:sessions', table.concat(parts))
end

-- A change of holds but of no slot, such as a new deadline, is no step of the channel. It has a version all the same,
-- lower than that of whatever follows, for processes tell by it which of two events of a hold is the later one.
local function tell_alone()
  meta.told = next_version()
  redis.call('HSET', KEYS[1], 'told', string.format('%.0f', meta.told))
end

-- The log of before helps nobody: everybody reads the resource again.
local function commit_reset()
  write_altered()
  local from = meta.version
  meta.version = next_version()
  redis.call('HSET', KEYS[1], 'version', string.format('%.0f', meta.version))
  redis.call('DEL', key('log'))
  publish_change(from, '\192')
  publish_events()
end

local function commit()
  write_altered()
  local flat = changes()
  if #flat > 0 then
    local from = meta.version
    meta.version = next_version()
    redis.call('HSET', KEYS[1], 'version', string.format('%.0f', meta.version))
    log_and_publish(from, flat)
  elseif #events > 0 then
    tell_alone()
  end
  publish_events()
end

-- each call:

events, step = {}, 0
