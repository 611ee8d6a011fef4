"""What tests of channels share."""

from collections.abc import AsyncIterator

import pytest

from tests.channels.hall import has_io_uring
from tests.channels.scene import Scene

collect_ignore = [] if has_io_uring() else ["test_ring.py"]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    await scene.hub.close()
