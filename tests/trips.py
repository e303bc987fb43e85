"""Trips of a reader through the worker: `python -m tests.trips [FOLDER] [--rooms]`. FOLDER is another checkout, to compare with.

The reader follows the calls of a session's round (`session_run._run_round`) and of a landing (`lander.batches._step`) in the order of the source,
found by `ast`: functions by their imports, methods and properties by annotated parameters, fields and results. These rules stay as they are:

- The reader reads each function once, and only in the packages of the trip (`READ`). The others are taken at their name.
- **Stay**: a call site, or the use of a property, whose function is in another module than the caller's.
- **Room**: a module with a stay in it, or the first one.
- **Climb**: a stay that returns to what knows the places, the config or the state of the work (`STATE`) for something that the trip has asked
  before: the caller had it, and passed `session`, `context` or `lease` in its place.
"""

import argparse
import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

APPS = ("orchestration", "budget", "workspaces")
TRIPS = {
    "a session's round": ("orchestration.worker.session_run", "_run_round"),
    "a landing": ("orchestration.worker.lander.batches", "_step"),
}
READ = tuple(f"orchestration.worker.{name}" for name in ("session_run", "preparing", "steps", "judging", "lander"))
STATE = (
    "orchestration.repositories",
    "orchestration.configuration",
    "orchestration.sessions.folders",
    "orchestration.worker.preparing",
    "orchestration.worker.steps.context",
    "orchestration.worker.lander.lease",
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Definition:
    """A module (`node` is its tree), class or function, and the module that defines it. `owner`: the class of a method."""

    module: str
    node: ast.AST
    owner: "Definition | None" = None


class House:
    def __init__(self, root: Path) -> None:
        self.trees = {
            ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): ast.parse(path.read_text())
            for app in APPS
            for path in sorted((root / app).rglob("*.py"))
            if "migrations" not in path.parts and "stages" not in path.parts
        }
        self.names = {name: dict(self._names(name, tree)) for name, tree in self.trees.items()}

    def _names(self, module: str, tree: ast.Module) -> Iterator[tuple[str, Definition | tuple[str, str]]]:
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    yield alias.asname or alias.name, (node.module, alias.name)
        for node in tree.body:
            if isinstance(node, ast.ClassDef | Function):
                yield node.name, Definition(module, node)

    def find(self, module: str, name: str) -> Definition | None:
        """The definition behind a name of a module, followed through imports."""
        seen = set()
        while module in self.trees and (module, name) not in seen:
            seen.add((module, name))
            target = self.names[module].get(name)
            if isinstance(target, Definition):
                return target
            if target is None:
                break
            module, name = target
            if tree := self.trees.get(f"{module}.{name}"):
                return Definition(f"{module}.{name}", tree)
        return None

    def member(self, of: Definition, name: str) -> "Definition | None":
        """A method of a class, or the class of a field."""
        assert isinstance(of.node, ast.ClassDef)
        for item in of.node.body:
            if isinstance(item, Function) and item.name == name:
                return Definition(of.module, item, of)
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.target.id == name:
                return self.annotated(of.module, item.annotation)
        init = next((item for item in of.node.body if isinstance(item, Function) and item.name == "__init__"), None)
        if init is not None:
            types = {arg.arg: arg.annotation for arg in (*init.args.args, *init.args.kwonlyargs)}
            for node in ast.walk(init):
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                    for target in node.targets:
                        if isinstance(target, ast.Attribute) and target.attr == name and types.get(node.value.id) is not None:
                            return self.annotated(of.module, types[node.value.id])
        for base in of.node.bases:
            if (definition := self.annotated(of.module, base)) is not None and (
                inherited := self.member(definition, name)
            ) is not None:
                return inherited
        return None

    def annotated(self, module: str, annotation: ast.AST | None) -> Definition | None:
        """The product's class in an annotation: itself, or one side of a union with None."""
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            annotation = ast.parse(annotation.value, mode="eval").body
        if isinstance(annotation, ast.BinOp):
            return self.annotated(module, annotation.left) or self.annotated(module, annotation.right)
        definition = None
        if isinstance(annotation, ast.Name):
            definition = self.find(module, annotation.id)
        if isinstance(annotation, ast.Attribute) and isinstance(annotation.value, ast.Name):
            base = self.find(module, annotation.value.id)
            definition = (
                self.find(base.module, annotation.attr) if base is not None and isinstance(base.node, ast.Module) else None
            )
        return definition if definition is not None and isinstance(definition.node, ast.ClassDef) else None


class Reader(ast.NodeVisitor):
    """Reads one function, calls in the order of the source, and each callee's body the first time."""

    def __init__(self, trip: "Trip", function: Definition) -> None:
        self._trip, self._function, self._module = trip, function, function.module
        self._types: dict[str, Definition | None] = {}
        node = function.node
        assert isinstance(node, Function)
        for n, arg in enumerate((*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)):
            self._types[arg.arg] = trip.house.annotated(self._module, arg.annotation)
            if n == 0 and function.owner is not None and arg.arg in ("self", "cls"):
                self._types[arg.arg] = function.owner

    def read(self) -> None:
        for statement in self._function.node.body:  # type: ignore[attr-defined]
            self.visit(statement)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        definition = self._of(node.func)
        if definition is not None and isinstance(definition.node, ast.ClassDef):
            definition = next(
                (
                    method
                    for name in ("__init__", "__post_init__")
                    if (method := self._trip.house.member(definition, name)) is not None
                ),
                None,
            )
        if definition is not None and isinstance(definition.node, Function):
            self._trip.go(self._module, definition)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.generic_visit(node)
        definition = self._of(node)
        if definition is not None and isinstance(definition.node, Function) and _is_property(definition.node):
            self._trip.go(self._module, definition)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._types[target.id] = self._value(node.value)
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                for name, value in zip(target.elts, node.value.elts, strict=False):
                    if isinstance(name, ast.Name):
                        self._types[name.id] = self._value(value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.generic_visit(node)
        self._types[node.target.id] = self._value(node.value)

    def _value(self, node: ast.AST) -> Definition | None:
        """The class of an expression's value, where it is simple."""
        if isinstance(node, ast.IfExp):
            return self._value(node.body) or self._value(node.orelse)
        definition = self._of(node.func) if isinstance(node, ast.Call) else self._of(node)
        if definition is None or isinstance(definition.node, ast.ClassDef | ast.Module):
            return definition
        if isinstance(definition.node, Function) and (isinstance(node, ast.Call) or _is_property(definition.node)):
            return self._trip.house.annotated(definition.module, definition.node.returns)
        return None

    def _of(self, node: ast.AST) -> Definition | None:
        """The definition behind an expression: a module, a class (or a value of it), a function."""
        if isinstance(node, ast.Name):
            return self._types[node.id] if node.id in self._types else self._trip.house.find(self._module, node.id)
        if isinstance(node, ast.Attribute):
            base = self._value(node.value)
            if base is not None and isinstance(base.node, ast.Module):
                return self._trip.house.find(base.module, node.attr)
            return self._trip.house.member(base, node.attr) if base is not None else None
        return self._value(node) if isinstance(node, ast.Call) else None


@dataclass(frozen=True)
class Stay:
    """`is_first`: of this function on the trip."""

    caller: str
    room: str
    function: str
    is_first: bool

    @property
    def is_climb(self) -> bool:
        return self.room.startswith(STATE) and not self.is_first


@dataclass
class Trip:
    house: House
    start: Definition
    stays: list[Stay] = field(default_factory=list)
    _seen: set[ast.AST] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._seen.add(self.start.node)
        Reader(self, self.start).read()

    def go(self, caller: str, to: Definition) -> None:
        is_first = to.node not in self._seen
        self._seen.add(to.node)
        if caller != to.module:
            self.stays.append(Stay(caller, to.module, to.node.name, is_first))  # type: ignore[attr-defined]
        if is_first and to.module.startswith(READ):
            Reader(self, to).read()

    def __str__(self) -> str:
        rooms = {self.start.module, *(stay.room for stay in self.stays)}
        return f"{len(self.stays)} stays, {len(rooms)} rooms, {sum(stay.is_climb for stay in self.stays)} climbs"


def trips(root: Path) -> Iterator[tuple[str, Trip]]:
    house = House(root)
    for title, (module, function) in TRIPS.items():
        start = house.find(module, function)
        assert start is not None, f"{module}.{function} is gone: the trip starts elsewhere now"
        yield title, Trip(house, start)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.trips")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--rooms", action="store_true", help="list the rooms, and what is called in each")
    options = parser.parse_args()
    for title, trip in trips(options.folder.resolve()):
        print(f"trip of {title}: {trip}")
        by_room: dict[str, Counter[str]] = defaultdict(Counter)
        for stay in trip.stays if options.rooms else ():
            by_room[stay.room][stay.function] += 1
        for room, functions in sorted(by_room.items(), key=lambda item: -item[1].total()):
            print(f"{functions.total():5} {room}: {', '.join(f'{name} {count}' for name, count in functions.most_common())}")


def _is_property(node: Function) -> bool:
    return any(isinstance(mark, ast.Name) and "property" in mark.id for mark in node.decorator_list)


if __name__ == "__main__":
    main()
