"""Figures of the house: `python -m tests.figures [FOLDER] [--cases] [--run]`.

Sizes, circles, lines and names of a checkout, by the standard library's `ast`. `--cases` asks pytest how many there are;
`--run` times the default run. FOLDER is another checkout, to compare with.
"""

import argparse
import ast
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests import words

APPS = ("config", "dashboard", "orchestration", "budget", "workspaces")
Graph = dict[str, set[str]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.figures")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--cases", action="store_true", help="collect the tests")
    parser.add_argument("--run", action="store_true", help="time `./muster test`")
    options = parser.parse_args()
    root: Path = options.folder.resolve()
    for title, value in figures(root):
        print(f"{title}: {value}")
    if options.cases:
        print(f"cases of the default run: {_cases(root)}")
    if options.run:
        began = time.monotonic()
        code = subprocess.call([str(root / "muster"), "test"], stdout=subprocess.DEVNULL)
        print(f"default run: {time.monotonic() - began:.0f} s, exit code {code}")


def figures(root: Path) -> Iterator[tuple[str, str]]:
    files = list(product_files(root))
    trees = {path: ast.parse(path.read_text()) for path in files}
    folders = Counter(str(path.parent.relative_to(root)) for path in files if path.name != "__init__.py")
    yield "product modules", str(sum(folders.values()))
    yield "modules in the fullest folders", ", ".join(f"{name} {count}" for name, count in folders.most_common(5))
    imports = import_graph(root, trees)
    yield "import circles by file", str(len(circles(imports)))
    yield "import circles by folder", str(len(folder_circles(imports)))
    yield "folders in a circle", str(sum(len(circle) for circle in folder_circles(imports)))
    yield from _sizes(root, trees)
    yield from _templates(root)
    yield from _names(root, trees)
    tests = list((root / "tests").rglob("test_*.py"))
    functions = [f for path in tests for f in _functions(ast.parse(path.read_text())) if f.name.startswith("test_")]
    yield "test functions", f"{len(functions)} in {len(tests)} files"


def product_files(root: Path) -> Iterator[Path]:
    for app in APPS:
        for path in sorted((root / app).rglob("*.py")):
            inside = path.relative_to(root).parts
            if "migrations" not in inside and "stages" not in inside:
                yield path


def import_graph(root: Path, trees: Mapping[Path, ast.AST]) -> Graph:
    """Module -> modules it imports, of the product only."""
    names = {_module(root, path): path for path in trees}
    graph: Graph = defaultdict(set)
    for name, path in names.items():
        for node in ast.walk(trees[path]):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    target = f"{node.module}.{alias.name}"
                    target = target if target in names else node.module
                    if target in names and target != name:
                        graph[name].add(target)
    return graph


def folder_circles(imports: Graph) -> list[list[str]]:
    """Circles between the children of each package: modules by themselves, packages as a whole."""
    found: list[list[str]] = []
    packages = {name.rsplit(".", depth)[0] for name in imports for depth in range(1, name.count(".") + 1)} | {""}
    for package in sorted(packages):
        prefix = f"{package}." if package else ""
        children: Graph = defaultdict(set)
        for name, targets in imports.items():
            for target in targets:
                if name.startswith(prefix) and target.startswith(prefix):
                    child, other = name[len(prefix) :].split(".")[0], target[len(prefix) :].split(".")[0]
                    if child != other:
                        children[child].add(other)
        found += [[prefix + child for child in circle] for circle in circles(children)]
    return found


def circles(graph: Graph) -> list[list[str]]:
    """Strongly connected components of more than one node (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            at = stack.index(node)
            component = stack[at:]
            del stack[at:]
            if len(component) > 1:
                components.append(sorted(component))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return components


def _sizes(root: Path, trees: Mapping[Path, ast.AST]) -> Iterator[tuple[str, str]]:
    lengths = {str(path.relative_to(root)): len(path.read_text().splitlines()) for path in trees}
    largest = max(lengths, key=lambda path: lengths[path])
    yield "file length", f"median {statistics.median(lengths.values()):.0f} lines, longest {lengths[largest]} ({largest})"
    functions = [
        (f.end_lineno - f.lineno + 1, f"{path.relative_to(root)}:{f.name}")
        for path, tree in trees.items()
        for f in _functions(tree)
        if f.end_lineno
    ]
    longest = max(functions)
    over = sum(size > 45 for size, _ in functions)
    yield (
        "function length",
        f"median {statistics.median(size for size, _ in functions):.0f}, longest {longest[0]} ({longest[1]}), {over} over 45",
    )


def _templates(root: Path) -> Iterator[tuple[str, str]]:
    lines = [line for path in (root / "templates").rglob("*.html") for line in path.read_text().splitlines()]
    yield "longest template line", f"{max(map(len, lines))}, {sum(len(line) > 160 for line in lines)} of {len(lines)} over 160"


def _names(root: Path, trees: Mapping[Path, ast.AST]) -> Iterator[tuple[str, str]]:
    tests = {path: ast.parse(path.read_text()) for path in (root / "tests").rglob("*.py")}
    for title, part in (("product", trees), ("tests", tests)):
        names = [name for tree in part.values() for name, _ in words.identifiers(tree)]
        dialect = sum(bool(words.banned_in(name)) for name in names)
        yield f"names from the old dialect, {title}", f"{dialect} of {len(names)} ({100 * dialect / len(names):.2f} %)"


def _functions(tree: ast.AST) -> Iterable[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _module(root: Path, path: Path) -> str:
    name = ".".join(path.relative_to(root).with_suffix("").parts)
    return name.removesuffix(".__init__")


def _cases(root: Path) -> str:
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "not slow", "--collect-only", "-q"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    counts = [
        line.rsplit(": ", 1)[1] for line in collected.stdout.splitlines() if line.count(": ") == 1 and line.startswith("tests/")
    ]
    return str(sum(map(int, counts)))


if __name__ == "__main__":
    main()
