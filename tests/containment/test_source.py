"""What is written in the program makes neither a program nor a statement of what others write. Read with ``ast``."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import geo_service

PACKAGE = Path(geo_service.__file__).parent
Found = Iterator[tuple[int, str]]

RUNNERS = {"eval", "exec", "compile", "__import__", "execfile", "Template"}
METHODS = {"eval", "exec", "execfile", "__import__", "from_string", "Template"}
#: What asks a spatial index for neighbours is called like what has a table work out a text.
INDEX = "tree"

STATEMENTS = {"execute", "executemany", "executescript", "exec_driver_sql", "read_sql", "read_sql_query"}
#: These make a part of a statement of any text; a column and a value are all that is needed.
RAW = {"text", "literal_column", "TextClause", "DDL"}
#: SQL has no parameter for the name of a table or of a column, nor for a setting: where one is put in, and which.
NAMES = {
    "ingest/formats/geopackage.py": {"_quoted(layer)"},
    "store/database.py": {
        "table.name", "change", "change.lower()", "column.table.name", "column.name", "kind", "pragma",
    },
}  # fmt: skip


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    """The last part of the name by which something is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def runs(tree: ast.AST) -> Found:
    """What takes a text for a program: of Python, of a table library or of a template."""
    for call in calls(tree):
        name, is_method = called(call), isinstance(call.func, ast.Attribute)
        asks_index = is_method and ast.unparse(call.func.value).endswith(INDEX)
        loads_other = name == "import_module" and not (call.args and isinstance(call.args[0], ast.Constant))
        if name in (METHODS if is_method else RUNNERS) or (name == "query" and not asks_index) or loads_other:
            yield call.lineno, ast.unparse(call.func)


def statements(tree: ast.AST) -> Found:
    """What is put into a statement, and whatever takes a text for a part of one."""
    made: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            made.setdefault(ast.unparse(target), []).append(node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy"):
            yield from ((node.lineno, one.name) for one in node.names if one.name in RAW)
    for call in calls(tree):
        if isinstance(call.func, ast.Attribute) and call.func.attr in RAW:
            if ast.unparse(call.func.value) in ("sqlalchemy", "sa"):
                yield call.lineno, ast.unparse(call.func)
        elif called(call) in STATEMENTS and call.args:
            for told in (call.args[0], *made.get(ast.unparse(call.args[0]), ())):
                yield from ((call.lineno, hole) for hole in holes(told))


def holes(told: ast.expr) -> Iterator[str]:
    """The parts of a text that do not stand there."""
    if isinstance(told, ast.JoinedStr):
        yield from (ast.unparse(part.value) for part in told.values if isinstance(part, ast.FormattedValue))
    elif isinstance(told, ast.BinOp):
        yield from (ast.unparse(part) for part in (told.left, told.right) if not isinstance(part, ast.Constant))
    elif isinstance(told, ast.Call) and called(told) in ("format", "format_map", "join", "replace"):
        yield ast.unparse(told)


def walked(look: Callable[[ast.AST], Found]) -> Iterator[tuple[str, int, str]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        for line, what in look(ast.parse(file.read_text(encoding="utf-8"))):
            yield file.relative_to(PACKAGE).as_posix(), line, what


def test_no_text_is_ever_run():
    """No text becomes a program: neither Python, nor an expression of a table library, nor a template."""
    # A process of ours is told by its own command line which part of ours it is; native code is found by its name.
    assert {(file, what) for file, _, what in walked(runs)} == {
        ("native.py", "importlib.import_module"),
        ("nursery.py", "importlib.import_module"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "eval(asked)",
        "exec(asked)",
        "compile(asked, '', 'eval')",
        "builtins.exec(asked)",
        "__import__(asked)",
        "importlib.import_module(asked)",
        "table.query(asked)",
        "parcels.loc[rows].query(f'zone == {asked}')",
        "table.eval('a = b + ' + asked)",
        "pandas.eval(asked)",
        "environment.from_string(asked)",
        "jinja2.Template(asked)",
        "Template(asked).render()",
    ],
)
def test_whatever_would_run_a_text_is_found(text):
    assert len(list(runs(ast.parse(f"def answer(asked):\n    return {text}")))) == 1
    harmless = (
        "re.compile(asked), tree.query(box), features.tree.query(box), import_module('numba'), literal_eval(asked)"
    )
    assert list(runs(ast.parse(harmless))) == []


def test_no_statement_is_made_of_texts_but_of_names_in_a_schema():
    found: dict[str, set[str]] = {}
    for file, _, what in walked(statements):
        found.setdefault(file, set()).add(what)
    assert found == NAMES
    # The linter looks for texts that read like statements wherever they are put together, and is asked to let one pass.
    lint = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    assert "S" in lint["select"] and not {"S", "S6", "S608"} & set(lint["ignore"])
    own = [rules for files, rules in lint["per-file-ignores"].items() if files.startswith(("geo_service", "*"))]
    assert not any(rule.startswith("S") for rules in own for rule in rules)
    let_pass = [
        (file.relative_to(PACKAGE).as_posix(), line.partition("#")[0].strip())
        for file in sorted(PACKAGE.rglob("*.py"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if "noqa: S608" in line
    ]
    assert let_pass == [
        ("ingest/formats/geopackage.py", 'found = database.execute(f"SELECT * FROM {_quoted(layer)}")'),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "connection.execute(f'SELECT * FROM parcels WHERE id = {asked}')",
        "connection.execute('SELECT * FROM parcels WHERE id = ' + asked)",
        "connection.execute('SELECT * FROM parcels WHERE id = %s' % asked)",
        "connection.executescript('DELETE FROM {}'.format(asked))",
        "connection.exec_driver_sql(' '.join(words))",
        "query = f'ORDER BY {asked}'\nconnection.execute(query)\nquery = select(A)",
        "pandas.read_sql(f'SELECT {asked}', connection)",
        "connection.execute(sqlalchemy.text(asked))",
        "from sqlalchemy import select, text",
        "from sqlalchemy.sql import literal_column",
    ],
)
def test_whatever_would_make_a_statement_of_a_text_is_found(text):
    assert len(list(statements(ast.parse(text)))) == 1
    bound = "connection.execute('SELECT 1 WHERE a = ?', (asked,)), connection.execute(select(A).where(A.c.id == asked))"
    assert list(statements(ast.parse(bound))) == []
