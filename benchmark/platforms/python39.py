"""Rewrites the modules that score so that they run on Python 3.9, the newest one on EvalAI's workers.

Those modules use four features of Python 3.10 and 3.11; each has an older form that does the same:

* `X | None` in annotations: a future import keeps annotations from being evaluated;
* `isinstance(x, A | B)` becomes `isinstance(x, (A, B))`; an alias `A = X | None`, which only annotations use, becomes
  `A = object`;
* `zip(strict=True)` becomes a function, `strict_zip`;
* `typing.Self`, which only annotations use, is not imported.
"""

import ast

#: Source of the module that replaces `zip(strict=True)`, at the root of `harness.zip`.
STRICT_ZIP = '''\
"""`zip(strict=True)` for Python 3.9."""

from itertools import zip_longest

_END = object()


def strict_zip(*iterables, strict):
    """Tuples of items; raises ValueError if one iterable ends before another."""
    for items in zip_longest(*iterables, fillvalue=_END):
        if any(item is _END for item in items):
            raise ValueError("zip() arguments have different lengths")
        yield items
'''
_IMPORT = "from __future__ import annotations\nfrom strict_zip import strict_zip"


class _Lowering(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "zip":
            if any(keyword.arg == "strict" for keyword in node.keywords):
                node.func.id = "strict_zip"
        elif isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            node.args[1] = ast.Tuple(_alternatives(node.args[1]), ast.Load())
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        self.generic_visit(node)
        last = _alternatives(node.value)[-1]
        if isinstance(node.value, ast.BinOp) and isinstance(last, ast.Constant) and last.value is None:
            node.value = ast.Name("object", ast.Load())
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        if node.module == "typing":
            node.names = [alias for alias in node.names if alias.name != "Self"] or [ast.alias("Any")]
        return node


def _alternatives(node: ast.expr) -> list[ast.expr]:
    """The operands of `A | B | ...`; a list of one for any other expression."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_alternatives(node.left), node.right]
    return [node]


def lowered(source: str) -> str:
    """Rewrite a module's source for Python 3.9; comments are lost, docstrings stay."""
    tree = _Lowering().visit(ast.parse(source))
    first = 1 if ast.get_docstring(tree) is not None else 0
    tree.body[first:first] = ast.parse(_IMPORT).body
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
