"""The bugs: what each breaks, how it is planted, and which test has to say what about it."""

from typing import Final

from tests.teeth.bug import Bug
from tests.teeth.changing import CHANGING
from tests.teeth.holding import HOLDING
from tests.teeth.hurrying import HURRYING
from tests.teeth.paying import PAYING
from tests.teeth.telling import TELLING

BUGS: Final[tuple[Bug, ...]] = (*HOLDING, *HURRYING, *PAYING, *CHANGING, *TELLING)
