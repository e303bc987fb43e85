"""Figures of the house: `python -m tests.figures [FOLDER] [--cases] [--run] [--limits] [--names]`.

Sizes, circles, lines and names of a checkout, by the standard library's `ast`. `--limits` and `--names` are part of `./muster check`. `--cases` asks pytest how many there are;
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

from tests import trips, words

APPS = ("config", "dashboard", "orchestration", "budget", "workspaces")
CLI = "cli/src/muster_cli"  # a package of its own, in the same house
Graph = dict[str, set[str]]
MAX_MODULES, MAX_LINES = 14, 47
FOREIGN = ("stub_llm.py",)  # a copy of a tool that is kept elsewhere


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.figures")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--cases", action="store_true", help="collect the tests")
    parser.add_argument("--limits", action="store_true", help="only name what is over a limit, and fail then")
    parser.add_argument(
        "--names", action="store_true", help="only list names with words that the house does not use, and fail then"
    )
    parser.add_argument("--run", action="store_true", help="time `./muster test`")
    options = parser.parse_args()
    root: Path = options.folder.resolve()
    if options.limits:
        sys.exit("\n".join(excesses(root)) or None)
    if options.names:
        sys.exit("\n".join(banned_names(root)) or None)
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
    folders = _modules_by_folder(root, files)
    yield "product modules", str(sum(folders.values()))
    yield "modules in the fullest folders", ", ".join(f"{name} {count}" for name, count in folders.most_common(5))
    imports = import_graph(root, trees)
    yield "import circles by file", str(len(circles(imports)))
    yield "import circles by folder", str(len(folder_circles(imports)))
    yield "folders in a circle", str(sum(len(circle) for circle in folder_circles(imports)))
    yield "folders in a circle with a folder of their own", str(len(own_circles(imports, files, root)))
    yield from _sizes(root, trees)
    yield from ((f"trip of {title}", str(trip)) for title, trip in trips.trips(root))
    yield from _templates(root)
    yield from _names(root, trees)
    yield from _prose(root, trees)
    tests = list((root / "tests").rglob("test_*.py"))
    functions = [f for path in tests for f in _functions(ast.parse(path.read_text())) if f.name.startswith("test_")]
    yield "test functions", f"{len(functions)} in {len(tests)} files"


def excesses(root: Path) -> Iterator[str]:
    """Everything over a limit that `./muster check` holds, a line each."""
    files = list(product_files(root))
    trees = {path: ast.parse(path.read_text()) for path in files}
    imports = import_graph(root, trees)
    for folder, count in _modules_by_folder(root, files).items():
        if count > MAX_MODULES:
            yield f"{folder} has {count} modules: at most {MAX_MODULES}"
    for package in own_circles(imports, files, root):
        yield f"{package} and the modules of the package around it import each other"
    for size, name in _function_lengths(root, trees):
        if size > MAX_LINES:
            yield f"{name} has {size} lines: at most {MAX_LINES}"


def banned_names(root: Path) -> Iterator[str]:
    """Each name of product and tests that has a word of `tests/words.py`, with its place and what to say instead."""
    tests = sorted(path for path in (root / "tests").rglob("*.py") if path.name not in FOREIGN)
    for path in (*product_files(root), *tests):
        for name, line in words.banned_names(path):
            word = words.banned_in(name)
            yield f"{path.relative_to(root)}:{line}: rename {name}. Instead of {word!r} use: {words.instead(word)} (tests/words.py)"


def _modules_by_folder(root: Path, files: Iterable[Path]) -> Counter[str]:
    return Counter(str(path.parent.relative_to(root)) for path in files if path.name != "__init__.py")


def product_files(root: Path) -> Iterator[Path]:
    for app in (*APPS, CLI):
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
    result: list[list[str]] = []
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
        result += [[prefix + child for child in circle] for circle in circles(children)]
    return result


def own_circles(imports: Graph, files: Iterable[Path], root: Path) -> list[str]:
    """Packages whose own modules import the package around them, whose own modules import them."""
    packages = {_module(root, path) for path in files if path.name == "__init__.py"}

    def is_own(name: str, package: str) -> bool:
        return name not in packages and name.rpartition(".")[0] == package

    def is_in(name: str, package: str) -> bool:
        return name == package or name.startswith(f"{package}.")

    pairs = [(name, target) for name, targets in imports.items() for target in targets]
    return [
        inner
        for inner in sorted(packages)
        if (outer := inner.rpartition(".")[0])
        and any(is_own(name, outer) and is_in(target, inner) for name, target in pairs)
        and any(is_in(name, inner) and is_own(target, outer) for name, target in pairs)
    ]


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
    p95 = statistics.quantiles(lengths.values(), n=20)[-1]
    yield (
        "file length",
        f"median {statistics.median(lengths.values()):.0f} lines, p95 {p95:.0f}, longest {lengths[largest]} ({largest})",
    )
    functions = _function_lengths(root, trees)
    longest = max(functions)
    over = sum(size > MAX_LINES for size, _ in functions)
    yield (
        "function length",
        f"median {statistics.median(size for size, _ in functions):.0f}, longest {longest[0]} ({longest[1]}), {over} over {MAX_LINES}",
    )


def _function_lengths(root: Path, trees: Mapping[Path, ast.AST]) -> list[tuple[int, str]]:
    return [
        (f.end_lineno - f.lineno + 1, f"{path.relative_to(root)}:{f.name}")
        for path, tree in trees.items()
        for f in _functions(tree)
        if f.end_lineno
    ]


def _templates(root: Path) -> Iterator[tuple[str, str]]:
    lines = [line for path in (root / "templates").rglob("*.html") for line in path.read_text().splitlines()]
    yield "longest template line", f"{max(map(len, lines))}, {sum(len(line) > 160 for line in lines)} of {len(lines)} over 160"


def _names(root: Path, trees: Mapping[Path, ast.AST]) -> Iterator[tuple[str, str]]:
    tests = {path: ast.parse(path.read_text()) for path in (root / "tests").rglob("*.py")}
    for title, part in (("product", trees), ("tests", tests)):
        names = [name for tree in part.values() for name, _ in words.identifiers(tree)]
        dialect = sum(bool(words.banned_in(name)) for name in names)
        yield f"names from the old dialect, {title}", f"{dialect} of {len(names)} ({100 * dialect / len(names):.2f} %)"


def _prose(root: Path, trees: Mapping[Path, ast.AST]) -> Iterator[tuple[str, str]]:
    tests = [ast.parse(path.read_text()) for path in (root / "tests").rglob("*.py")]
    texts = [text for tree in (*trees.values(), *tests) for text, _ in words.docstrings(tree)]
    without = sum(map(words.has_no_subject, texts))
    yield "docstrings without a subject at their begin", f"{without} of {len(texts)} ({100 * without / len(texts):.1f} %)"
    documents = [root / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    documents += [path for folder in ("docs", "deploy") for path in (root / folder).rglob("*.md")]
    yield "words of the documentation", str(sum(len(path.read_text().split()) for path in documents))


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
