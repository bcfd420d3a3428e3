"""Digests of the code that a job runs, so that Snakemake reruns exactly what an edit can change.

They cover the syntax trees, without docstrings, comments and formatting, of a rule's script and of every module of
clipit that it imports, directly or not, and the data files that those modules' packages ship (page templates, word
lists). Imports inside functions count; imports by a computed name (`importlib`) are not seen.
"""

import ast
import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import clipit
from clipit.artifacts.provenance import json_digest
from clipit.runtime.errors import UserError

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def code_digest(script: str, root: str | Path, modules: Sequence[str] = ()) -> str:
    """One digest over `code_modules`."""
    return json_digest(code_modules(script, root, modules))


def code_modules(script: str, root: str | Path, modules: Sequence[str] = ()) -> dict[str, str]:
    """`tree_modules` of `workflow/scripts/{script}.py` under the project folder `root`, with all of clipit it imports.

    `modules` (`clipit.sources.folder`) count as imported too: those that the script will load by name.

    Raises:
        UserError: a file has a syntax error or imports a module of clipit that does not exist; names file and line.
    """
    package = Path(clipit.__file__).parent
    return tree_modules(Path(root) / "workflow" / "scripts" / f"{script}.py", package, modules)


def tree_modules(script: Path, package: Path, modules: Sequence[str] = ()) -> dict[str, str]:
    """A digest for each module: of `script` (named ""), of `modules` and of what they import from `package`'s folder.

    They depend on module names and code only, not on where the two lie.
    """
    if not script.is_file():
        raise UserError(f"{script} does not exist: every rule's script lies in workflow/scripts")
    digests: dict[str, str] = {}
    pending = [("", script), *(found for module in modules for found in _resolve(module, package, script, 0))]
    while pending:
        name, file = pending.pop()
        if name not in digests:
            digests[name], imported = _module(file, package)
            pending += imported
    return digests


@cache
def _module(file: Path, package: Path) -> tuple[str, list[tuple[str, Path]]]:
    """The digest of one file's code, and the modules of `package` that it imports: (name, file)."""
    tree = _parse(file)
    imported = _imported(tree, package, file)
    digest = hashlib.sha256(ast.unparse(_bare(tree)).encode())
    if file.name == "__init__.py":
        for data in _data_files(file.parent):
            digest.update(data.relative_to(file.parent).as_posix().encode() + b"\0" + data.read_bytes())
    return digest.hexdigest(), imported


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), filename=str(file))
    except SyntaxError as error:
        raise UserError(f"{file}:{error.lineno}: {error.msg}: correct the syntax") from error


def _bare(node: ast.AST) -> ast.AST:
    """`node` without docstrings and with f-strings taken apart, which Python versions quote differently."""
    if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]
    for name, value in vars(node).items():
        if isinstance(value, list):
            value[:] = [_bare(item) if isinstance(item, ast.AST) else item for item in value]
        elif isinstance(value, ast.AST):
            setattr(node, name, _bare(value))
    if isinstance(node, ast.JoinedStr):
        return ast.Set(node.values)
    if isinstance(node, ast.FormattedValue):
        parts = [node.value, ast.Constant(node.conversion), node.format_spec]
        return ast.List([part for part in parts if part is not None], ast.Load())
    return node


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """`node` and every statement within; expressions, most of a tree, hold neither imports nor docstrings."""
    yield node
    for block in _BLOCKS:
        for child in getattr(node, block, ()):
            yield from _statements(child)


def _data_files(package: Path) -> list[Path]:
    """What a package ships besides code, in its own folder and in sub-folders that are no packages."""
    files = []
    for path in sorted(package.iterdir()):
        if path.name.startswith((".", "__pycache__")) or path.suffix in (".py", ".pyc"):
            continue
        if path.is_file():
            files.append(path)
        elif path.is_dir() and not (path / "__init__.py").is_file():
            files += _data_files(path)
    return files


def _imported(tree: ast.Module, package: Path, file: Path) -> list[tuple[str, Path]]:
    """The modules of `package` that `file` imports by name, with the packages that hold them: (name, file)."""
    modules = []
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                modules += _resolve(alias.name, package, file, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package, file)
            found = _resolve(base, package, file, node.lineno)
            modules += found
            if found and found[-1][1].name == "__init__.py":
                for alias in node.names:
                    submodule = _locate(f"{base}.{alias.name}", package)
                    if submodule:
                        modules.append((f"{base}.{alias.name}", submodule))
                    elif alias.name not in _bound(found[-1][1]):
                        raise _missing(f"{base}.{alias.name}", file, node.lineno)
    return modules


def _absolute(node: ast.ImportFrom, package: Path, file: Path) -> str:
    """The full name of the module in `from … import`, its leading dots resolved by where `file` lies."""
    if not node.level:
        return node.module or ""
    above = [parent for parent in file.parents if parent == package or package in parent.parents]
    if node.level > len(above):
        raise UserError(f"{file}:{node.lineno}: relative import beyond {package.name}: import it by its full name")
    parts = above[node.level - 1].relative_to(package.parent).parts
    return ".".join(parts + ((node.module,) if node.module else ()))


def _resolve(name: str, package: Path, file: Path, line: int) -> list[tuple[str, Path]]:
    """The module `name` and the packages that hold it, outermost first; empty if it is not of `package`."""
    parts = name.split(".")
    if parts[0] != package.name:
        return []
    chain = []
    for end in range(1, len(parts) + 1):
        prefix = ".".join(parts[:end])
        found = _locate(prefix, package)
        if found is None:
            raise _missing(prefix, file, line)
        chain.append((prefix, found))
    return chain


def _locate(name: str, package: Path) -> Path | None:
    path = package.parent.joinpath(*name.split("."))
    for candidate in (path / "__init__.py", path.with_name(f"{path.name}.py")):
        if candidate.is_file():
            return candidate
    return None


@cache
def _bound(init: Path) -> set[str]:
    """The names that a package's `__init__` binds itself; `*` is always among them."""
    return {"*", *_names(_parse(init))}


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name


def _missing(name: str, file: Path, line: int) -> UserError:
    return UserError(f"{file}:{line}: there is no module {name}: correct the import")
