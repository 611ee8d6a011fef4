"""What tests of channels share."""

from collections.abc import AsyncIterator

import pytest

from tests.channels.scene import Scene


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    await scene.hub.close()
