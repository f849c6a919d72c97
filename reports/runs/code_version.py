"""Hashes the source code that trains a run, as a note of its provenance in `made_by.json`.

The hash does not decide whether a run may be reused; `Network.version` does, since most changes of the source change no
number. It covers the syntax trees, without comments and docstrings, and the initial weights of small models.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

#: Files of `reference_model/` left out: they do not affect a run, or the configuration's hash covers their values.
_EXCLUDED = {
    *("variants.py", "config.py", "caption.py", "naive.py", "pretrain_backbone.py"),
    *("dry_run.py", "measure.py", "speed.py"),
}


@cache
def code_version(system: str, root: Path = ROOT) -> str:
    """Hash of the source of one network, 12 hex digits.

    Args:
        system: name of the network as in `Config.system`: "reference", or a folder of `baselines/`.
        root: folder of the repository.
    """
    files = [path for path in _files(root / "reference_model") if path.name not in _EXCLUDED]
    if system != "reference":
        baselines = root / "baselines"
        own = baselines / system
        files += _files(baselines) if not own.is_dir() else [*_files(own), *sorted(baselines.glob("*.py"))]
    digest = hashlib.sha256()
    for path in files:
        content = repr(_canonical(ast.parse(path.read_bytes()))).encode() if path.suffix == ".py" else path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()[:12]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".safetensors"))


def _canonical(node: Any) -> Any:
    """A syntax tree as plain data without empty fields, so that it is the same in every version of Python."""
    if isinstance(node, list):
        return [_canonical(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
        fields["body"] = node.body[1:]
    return [
        type(node).__name__,
        *((name, _canonical(value)) for name, value in fields.items() if value not in (None, [])),
    ]
