-- A resource that Redis does not know is never made up: it is rebuilt from PostgreSQL first.

-- each call:

if not meta.epoch then return answer({status = 'unloaded'}) end
