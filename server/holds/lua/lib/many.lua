-- Does what several sessions ask in one call, as if they came one after the other. ARGV[1] has the fields that all of
-- them share, ARGV[n] (from 2 on) those of one session alone, KEYS[n] is that session's cart. A session is among them
-- once only, for what is remembered of its op is written at the end. A last ARGV may have the records of a grid's days.

local function error_of(failure)
  return {err = type(failure) == 'table' and failure.err or tostring(failure)}
end

-- Does `work` for one after the other and commits once; an answer for each, or the error that ended its own work.
local function each_of_many(work)
  local common, outcomes = {__index = input}, {}
  laid = ARGV[#KEYS + 1]
  for place = 2, #KEYS do
    input, joined, step = setmetatable(cmsgpack.unpack(ARGV[place]), common), nil, place - 2
    open_index(KEYS[place])
    local is_done, outcome = pcall(work)
    outcomes[place - 1] = {input = input, joined = joined, outcome = outcome, is_done = is_done}
  end
  commit()
  for place, each in ipairs(outcomes) do
    input, joined = each.input, each.joined
    outcomes[place] = each.is_done and said(each.outcome) or error_of(each.outcome)
  end
  return outcomes
end
