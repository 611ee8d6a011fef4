"""A long play in rounds: what was written down is judged when all is quiet, and forgotten."""

from dataclasses import asdict
from pathlib import Path

from tests.torture import verdict
from tests.torture.history import History
from tests.torture.stage import HALL, Stage


class Rounds:
    """`ends` after each round, nobody buying; the last page is the stage's own end."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._count = 0
        self.holds = 0
        self.said = ""

    async def ends(self) -> None:
        """All has its end, everybody sees it, and nothing that was written down contradicts a promise."""
        stage = self._stage
        self._count += 1
        await stage.quietens()
        lag = await stage.converges()
        await stage.order("end")
        if truth := await stage.truth():
            stage.recorder.observe("server", "truth", resource=HALL, **asdict(truth))
        await stage.is_audited()
        pages = await self._pages()
        history = History.read(stage.recorder.path, *pages)
        terms = verdict.terms_of(stage.street, frozenset(stage.losing))
        before = len(stage.torture.outcome.violations)
        await verdict.judge(stage.torture, history, stage.street, terms, is_last=False)
        broken = len(stage.torture.outcome.violations) - before
        if not broken:  # what contradicts a promise stays to be read
            for page in pages:
                page.unlink()
        holds = sum(operation.kind == "hold" for operation in history.operations)
        self.holds += holds
        self.said = f"{holds} holds, {len(history.observations)} views, {broken} broken, seen in {lag:.2f} s"

    async def _pages(self) -> list[Path]:
        """What each crowd wrote down since the last ones."""
        stage, folder = self._stage, self._stage.torture.folder
        pages = [folder / f"page-{self._count}-{place}" for place in range(len(stage.crowds))]
        for crowd, page in zip(stage.crowds, pages, strict=True):
            await crowd.order("turn", aside=str(page))
        stage.recorder.flush()
        return pages
