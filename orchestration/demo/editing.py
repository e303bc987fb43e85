"""Moves functions from one Python source into another, with the imports and constants that they need. For the demo agent."""

import ast
import sys


def transplant(target: str, source: str, names: list[str], *, module: str) -> str:
    """The target with these functions from the source. `module`: the target's own name, which it never imports."""
    old, new = _Parts(target), _Parts(source)
    for name in names:
        function = new.definitions[name]
        old.put(name, function)
        for constant in sorted(_used(function) & new.constants):
            old.put(constant, new.definitions[constant], first=True)
    imports = {statement for statement in old.imports | new.imports if not statement.startswith(f"from {module} ")}
    return old.text(imports)


class _Parts:
    """A module in parts: its docstring, its imports with one name each, and its other statements in order."""

    def __init__(self, source: str) -> None:
        tree = ast.parse(source)
        lines = source.splitlines()
        self.docstring = ""
        self.imports: set[str] = set()
        self.definitions: dict[str, str] = {}
        self.constants: set[str] = set()
        end = 0
        for number, node in enumerate(tree.body):
            # With the lines above it, to keep comments.
            text = "\n".join(lines[end : node.end_lineno]).strip("\n")
            end = node.end_lineno or end
            if number == 0 and isinstance(node, ast.Expr):
                self.docstring = text
            elif isinstance(node, ast.Import):
                self.imports |= {f"import {alias.name}" for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                self.imports |= {f"from {node.module} import {alias.name}" for alias in node.names}
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                self.definitions[node.name] = text
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.definitions[node.targets[0].id] = text
                self.constants.add(node.targets[0].id)
            else:
                self.definitions[f"statement {number}"] = text

    def put(self, name: str, text: str, *, first: bool = False) -> None:
        """Replaces the definition of this name, or adds it at the start or the end."""
        if first and name not in self.definitions:
            self.definitions = {name: text, **self.definitions}
        self.definitions[name] = text

    def text(self, imports: set[str]) -> str:
        body = list(self.definitions.values())
        used = _used("\n".join(body))
        needed = [statement for statement in imports if statement.split()[-1].split(".")[0] in used]
        own = [statement for statement in needed if statement.split()[1].split(".")[0] not in sys.stdlib_module_names]
        blocks = [self.docstring, _block([statement for statement in needed if statement not in own]), _block(own)]
        constants = [text for text in body if _is_constant(text)]
        blocks += constants
        head = "\n\n".join(block for block in blocks if block)
        return "\n\n\n".join([head, *(text for text in body if text not in constants)]) + "\n"


def _block(statements: list[str]) -> str:
    """Import lines, one for each module: `import x` first, then `from x import a, b`."""
    plain = sorted(statement for statement in statements if statement.startswith("import "))
    parts: dict[str, list[str]] = {}
    for statement in sorted(set(statements) - set(plain)):
        parts.setdefault(statement.split()[1], []).append(statement.split()[-1])
    return "\n".join([*plain, *(f"from {module} import {', '.join(names)}" for module, names in parts.items())])


def _used(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


def _is_constant(text: str) -> bool:
    return isinstance(ast.parse(text).body[0], ast.Assign)
