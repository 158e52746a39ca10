"""The habits that can be counted, as functions from a module to what breaks them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .source import Module

LONGEST_FILE = 400
LONGEST_FUNCTION = 30
DEEPEST_NESTING = 3
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def too_long(module: Module, hot_loops: set[str]) -> Iterator[str]:
    """Files over 400 lines, and functions over 30, docstrings not counted; ``hot_loops`` are excused by full name."""
    if len(module.text.splitlines()) > LONGEST_FILE:
        yield f"{module.name} is longer than {LONGEST_FILE} lines"
    for function in module.functions():
        length = _length(function)
        if length > LONGEST_FUNCTION and f"{module.name}.{function.name}" not in hot_loops:
            yield f"{module.name}.{function.name} has {length} lines"


def too_deep(module: Module, hot_loops: set[str]) -> Iterator[str]:
    """Functions whose blocks are nested deeper than three."""
    for function in module.functions():
        depth = max((_depth(statement) for statement in function.body), default=0)
        if depth > DEEPEST_NESTING and f"{module.name}.{function.name}" not in hot_loops:
            yield f"{module.name}.{function.name} is nested {depth} deep"


def undocumented(module: Module) -> Iterator[str]:
    """A module without a docstring, and tests without the sentence that says what they show."""
    if not ast.get_docstring(module.tree):
        yield f"{module.name} has no docstring"
    for function in module.functions():
        if function.name.startswith("test_") and not ast.get_docstring(function):
            yield f"{module.name}.{function.name} has no docstring"


def swallowed(module: Module) -> Iterator[str]:
    """``except Exception: pass`` and its wider sisters: a failure nobody will hear of."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler) and _catches_all(node) and all(map(_does_nothing, node.body)):
            yield f"{module.name}:{node.lineno} swallows every failure"


def patched(module: Module) -> Iterator[str]:
    """Mocks, by import or by name."""
    if any(name.split(".")[0] == "mock" or name.startswith("unittest.mock") for name in module.imports()):
        yield f"{module.name} imports mock"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith(("mock.patch", "self.patch")):
            yield f"{module.name}:{node.lineno} patches"


def unfinished(module: Module) -> Iterator[str]:
    """Notes that work is still to be done."""
    for number, line in enumerate(module.text.splitlines(), 1):
        if any(mark in line for mark in ("TO" + "DO", "FIX" + "ME", "X" * 3)):
            yield f"{module.name}:{number} is unfinished"


def _length(function: _Function) -> int:
    """Lines from ``def`` to the end, without the docstring."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    if not ast.get_docstring(function):
        return total
    docstring = function.body[0]
    return total - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def _depth(node: ast.AST, *, chained: bool = False) -> int:
    """How deep blocks stand in each other; an ``elif`` is no deeper than its ``if``, a nested function begins anew."""
    if isinstance(node, _Function | ast.Lambda | ast.ClassDef):
        return 0
    own = int(isinstance(node, _BLOCKS) and not chained)
    return own + max((_depth(child, chained=_is_elif(node, child)) for child in ast.iter_child_nodes(node)), default=0)


def _is_elif(parent: ast.AST, child: ast.AST) -> bool:
    return isinstance(parent, ast.If) and isinstance(child, ast.If) and parent.orelse == [child]


def _catches_all(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or ast.unparse(handler.type) in ("Exception", "BaseException")


def _does_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )
