"""The repository's own Python files as syntax trees, for the tests that read the code instead of running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parents[2]


@frozen
class Module:
    """One file: its dotted name, its text and its tree; a package goes by its own name."""

    name: str
    text: str
    tree: ast.Module
    is_package: bool = False

    @classmethod
    def of(cls, name: str, text: str, is_package: bool = False) -> Module:
        """The module a text makes."""
        return cls(name, text, ast.parse(text), is_package)

    def imports(self) -> set[str]:
        """Every module named by an import anywhere in the file, absolute; ``from a import b`` names ``a`` and ``a.b``."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._base(node)
                found.update([base, *(f"{base}.{alias.name}" for alias in node.names)])
        return found

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function and method, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))

    def _base(self, node: ast.ImportFrom) -> str:
        """The absolute module of a ``from … import``; a leading dot of a package is the package itself."""
        if not node.level:
            return node.module or ""
        parents = self.name.split(".")
        kept = parents[: len(parents) - node.level + self.is_package]
        return ".".join([*kept, *([node.module] if node.module else [])])


def read(folder: str) -> list[Module]:
    """All modules below a folder of the repository."""
    return [_module(path) for path in sorted((ROOT / folder).rglob("*.py"))]


@cache
def _module(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    return Module.of(".".join(parts[:-1] if is_package else parts), path.read_text(encoding="utf-8"), is_package)
