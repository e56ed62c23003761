"""A checkout read without running it: where names are defined, what functions take, what classes descend from.

The LMS needs hundreds of packages and a content store to be imported. Its source needs none to be read.
"""
from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

Definition = ast.ClassDef | ast.FunctionDef | ast.Assign | ast.AnnAssign


@dataclass
class Source:
    """The modules of one checkout."""

    root: Path
    _trees: dict[str, ast.Module | None] = field(default_factory=dict)

    def module(self, name: str) -> ast.Module | None:
        """A module; None if the checkout does not have it."""
        if name not in self._trees:
            path = self.root / name.replace(".", "/")
            files = [path.with_suffix(".py"), path / "__init__.py"]
            found = next((file for file in files if file.is_file()), None)
            self._trees[name] = ast.parse(found.read_text(encoding="utf-8")) if found else None
        return self._trees[name]

    def find(self, module: str, name: str, past: frozenset[str] = frozenset()) -> Definition | None:
        """What a name of a module is, wherever it was imported from; None if the name is not there."""
        tree = self.module(module)
        if tree is None or module in past:
            return None
        for node in ast.walk(tree):  # also below ``if`` and ``try``; the outermost comes first
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name and node in tree.body:
                return node
            if isinstance(node, ast.Assign) and node in tree.body and name in map(_target, node.targets):
                return node
            if isinstance(node, ast.AnnAssign) and node in tree.body and _target(node.target) == name:
                return node
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if alias.name == "*" or (alias.asname or alias.name) == name:
                        home = self._absolute(module, node)
                        known = name if alias.name == "*" else alias.name
                        if found := self.find(home, known, past | {module}):
                            return found
        return None

    def member(self, module: str, class_: str, name: str) -> Definition | None:
        """A method, a field or a class attribute, also of the classes that a class descends from."""
        node = self.find(module, class_)
        if not isinstance(node, ast.ClassDef):
            return None
        for part in node.body:
            if isinstance(part, ast.FunctionDef) and part.name == name:
                return part
            if isinstance(part, ast.Assign) and name in map(_target, part.targets):
                return part
            if isinstance(part, ast.AnnAssign) and _target(part.target) == name:
                return part
        return next((found for base in bases(node) if (found := self.member(module, base, name))), None)

    def ancestors(self, module: str, class_: str) -> set[str]:
        """Names of every class that a class of the module descends from."""
        node = self.find(module, class_)
        if not isinstance(node, ast.ClassDef):
            return set()
        direct = bases(node)
        return set(direct).union(*(self.ancestors(module, base) for base in direct if base != class_))

    def _absolute(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        is_package = (self.root / module.replace(".", "/") / "__init__.py").is_file()
        parts = module.split(".")
        parent = parts[: len(parts) - node.level + (1 if is_package else 0)]
        return ".".join([*parent, *([node.module] if node.module else [])])


def _target(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def bases(node: ast.ClassDef) -> list[str]:
    return [base.id if isinstance(base, ast.Name) else base.attr for base in node.bases
            if isinstance(base, ast.Name | ast.Attribute)]  # fmt: skip


def parameters(function: ast.FunctionDef) -> list[str]:
    """Names of what a function takes, in order."""
    arguments = function.args
    return [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def raised(function: ast.FunctionDef) -> list[str]:
    """Names of the exceptions that a function raises, in the order of its lines."""
    found = []
    for node in ast.walk(function):
        if isinstance(node, ast.Raise) and node.exc is not None:
            called = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            found.append((node.lineno, ast.unparse(called).rsplit(".", 1)[-1]))
    return [name for _, name in sorted(found)]
