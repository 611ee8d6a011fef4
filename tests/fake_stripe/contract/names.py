"""What a name in an annotation of the library means, found where the library's type checker would find it."""

import ast
import importlib
import inspect
import sys
from functools import cache
from typing import Any


class Names(dict[str, Any]):
    """A module's names as `eval` looks them up, with those that it imports for type checking only."""

    def __init__(self, module: str) -> None:
        super().__init__(vars(sys.modules[module]))
        self._module = module

    def __missing__(self, name: str) -> Any:
        origin = checking_imports(self._module).get(name)
        if origin is None:
            raise KeyError(name)
        module, original = origin
        self[name] = getattr(importlib.import_module(module), original)
        return self[name]


@cache
def checking_imports(module: str) -> dict[str, tuple[str, str]]:
    """The names under `if TYPE_CHECKING:` → the module and the name there."""
    found = {}
    for node in tree(module).body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for statement in node.body:
                if isinstance(statement, ast.ImportFrom) and statement.module:
                    for item in statement.names:
                        found[item.asname or item.name] = (statement.module, item.name)
    return found


@cache
def tree(module: str) -> ast.Module:
    """The module's source, parsed."""
    return ast.parse(inspect.getsource(importlib.import_module(module)))


@cache
def _names(module: str) -> Names:
    importlib.import_module(module)
    return Names(module)


@cache
def meaning(annotation: str, module: str) -> Any:
    """The type that an annotation in quotes stands for."""
    return eval(annotation, {}, _names(module))  # the library's own text
