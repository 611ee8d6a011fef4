"""Plants a bug in a run of tests: `python -m pytest TESTS -p tests.teeth.plugin --plant NAME`.

The modules that it concerns are compiled from the changed text, Lua and SQL are read changed; no file is
touched, and no other process knows of it.
"""

import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from tests.teeth.bug import patched
from tests.teeth.bugs import BUGS

_reports: list[dict[str, str]] = []
_read_text = Path.read_text


def pytest_addoption(parser: pytest.Parser) -> None:
    """The two words of the runner."""
    group = parser.getgroup("teeth")
    group.addoption("--plant", default="", help="the name of a bug of tests/teeth/bugs.py")
    group.addoption("--teeth-report", default="", help="where to write what failed, as JSON")


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before anything of the product is imported."""
    name = early_config.known_args_namespace.plant
    if name:
        (bug,) = (bug for bug in BUGS if bug.name == name)
        plant(patched(bug.patches))


def plant(texts: Mapping[Path, str]) -> None:
    """From now on these files are read as if they said this."""
    early = [path for path in texts if path.suffix == ".py" and _is_imported(path)]
    if early:
        raise RuntimeError(f"imported before anything could be planted: {early}")
    sys.meta_path.insert(0, _Finder({path: text for path, text in texts.items() if path.suffix == ".py"}))

    def read_text(path: Path, *arguments: str | None, **named: str | None) -> str:
        return texts.get(path.resolve()) or _read_text(path, *arguments, **named)

    Path.read_text = read_text  # type: ignore[method-assign,assignment]  # every text comes by it


def _is_imported(path: Path) -> bool:
    return any(getattr(module, "__file__", None) == str(path) for module in list(sys.modules.values()))


class _Finder(MetaPathFinder):
    """Finds the modules that are changed, and leaves all others alone."""

    def __init__(self, texts: Mapping[Path, str]) -> None:
        self._texts = texts

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(("server.", "channels.")):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        text = self._texts.get(Path(spec.origin)) if spec is not None and spec.origin else None
        if text is None or spec is None or spec.origin is None:
            return None
        return importlib.util.spec_from_file_location(
            fullname, spec.origin, loader=_Loader(fullname, spec.origin, text)
        )


class _Loader(SourceFileLoader):
    """Compiles the text it was given, and keeps nothing of it."""

    def __init__(self, fullname: str, path: str, text: str) -> None:
        super().__init__(fullname, path)
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.get_filename(fullname), "exec", dont_inherit=True)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What came of each test, and of what stands around it."""
    if report.when == "call" or report.failed:
        _reports.append(
            {
                "test": report.nodeid,
                "when": report.when,
                "outcome": report.outcome,
                "text": report.longreprtext if report.failed else "",
            }
        )


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """What could not even be collected."""
    if report.failed:
        _reports.append(
            {"test": report.nodeid, "when": "collect", "outcome": "failed", "text": report.longreprtext}
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave word for the runner."""
    target = session.config.getoption("--teeth-report")
    if target:
        Path(target).write_text(json.dumps(_reports), encoding="utf-8")
