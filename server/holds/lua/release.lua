-- Gives holds back, all of them or a part of one.
-- uses: call bytes resource loaded days records holds commit keep live ops releasing
--
-- In:  session, holds [ids], items? [[index, quantity], …] (a part of the one hold), op?
-- Out: status released: holds (as they are now; unknown ones are left out), version
--      paying: one of them is being paid, nothing changed · excess: more than it has · unloaded · op_reused

local outcome = release_holds()
commit()
return said(outcome)
