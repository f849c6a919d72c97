"""YAML without anything that acts, expands or is read in another way than it looks: keys, texts, lists, mappings.

Invariants:
* every value is the text that stands there: YAML says only where it begins and ends;
* depth and strings are bounded, and tags, anchors, aliases and further documents are refused, so that nothing is
  executed and nothing expands;
* what a reader may see otherwise than YAML does is refused: ` #` behind a text without quotes, odd line breaks, a key
  that stands twice.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from ..errors import InputError

#: Bytes of a file.
MAX_BYTES = 1 << 16

_MAX_SCALAR, _MAX_DEPTH = 4000, 3
_LINE_END = "\n"
#: What YAML takes for a line break, and editors do not.
_ODD_BREAK = re.compile("[\x85\u2028\u2029]")
_COMMENT = re.compile("[ \t]+#")
#: A comment on the next line, behind its indentation.
_COMMENT_BELOW = re.compile("[ \t]*\r?\n([ \t]+)#")


def read_yaml(path: Path, content: bytes) -> tuple[dict[str, Any], dict[tuple[str | int, ...], int]]:
    """Read a mapping.

    Args:
        path: the file, for messages.
        content: its bytes, at most `MAX_BYTES`.

    Returns:
        The mapping with all values as text, in lists and mappings, and the line of every key and list item.

    Raises:
        InputError: with every problem, each with its line.
    """
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: got more than {MAX_BYTES:,} bytes, expected a few thousand")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}:{line}: got byte 0x{content[error.start]:02x}, which is not UTF-8; save the file as UTF-8"
        ) from None
    problems = [
        f"{path}:{text.count(_LINE_END, 0, odd.start()) + 1}: got a line break U+{ord(odd[0]):04X}, which most "
        "editors do not show; remove it"
        for odd in _ODD_BREAK.finditer(text)
    ]
    try:
        problems = problems[:20] or list(_refused(path, text))
        root = None if problems else yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line if mark else text.count(_LINE_END, 0, getattr(error, "position", 0))
        why = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        raise InputError(f"{path}:{line + 1}: not YAML: {str(why)[:200]}; put text in quotes") from None
    except (ValueError, OverflowError, RecursionError) as error:  # escapes of characters that there are not
        raise InputError(f"{path}: a value cannot be read: {str(error)[:200]}; put text in quotes") from None
    if problems:
        raise InputError(*problems)
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{path}:1: got {root.id if root else 'nothing'}, expected lines such as `name: my system`")
    values: dict[str, Any] = {}
    lines: dict[tuple[str | int, ...], int] = {}
    for key, value in root.value:
        name = key.value[:80] if isinstance(key, yaml.ScalarNode) else f"a {key.id}"
        if name in values:
            problems.append(f"{path}:{key.start_mark.line + 1}: got {name!r} again, expected every key once")
        if not isinstance(key, yaml.ScalarNode):
            problems.append(f"{path}:{key.start_mark.line + 1}: got key {name!r}, expected a word")
        values[name] = _value(value)
        lines[name,] = key.start_mark.line + 1
        if isinstance(value, yaml.SequenceNode):
            lines |= {(name, i): item.start_mark.line + 1 for i, item in enumerate(value.value)}
    if problems:
        raise InputError(*problems)
    return values, lines


def _value(node: yaml.Node) -> Any:
    """The text of a value, or a list or mapping of texts; None if nothing, `null` or `~` stands there."""
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _value(item) for key, item in node.value}
    return None if node.style is None and node.value in ("", "null", "~") else node.value


def _is_cut(text: str, event: "yaml.ScalarEvent") -> bool:
    """Whether a plain value ends at a comment that its writer may have meant as part of it."""
    if _COMMENT.match(text, event.end_mark.index):
        return True
    below = _COMMENT_BELOW.match(text, event.end_mark.index)
    line = text[text.rfind("\n", 0, event.start_mark.index) + 1 : event.start_mark.index]
    return below is not None and len(below[1]) > len(line) - len(line.lstrip())


def _refused(path: Path, text: str) -> Iterator[str]:
    """Messages on YAML that metadata never needs: tags, anchors, aliases, deep nesting, long text, more documents.

    Also on comments behind text without quotes, since `name: Method #1` means a name with a `#` more often than not.
    """
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        place = f"{path}:{event.start_mark.line + 1}"
        documents += isinstance(event, yaml.DocumentStartEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            yield f"{place}: YAML anchors and aliases (&, *) are not allowed; put text in quotes"
        elif getattr(event, "tag", None):
            yield f"{place}: YAML tags are not allowed, got {event.tag[:60]!r}; put text in quotes"
        elif isinstance(event, yaml.ScalarEvent) and len(event.value) > _MAX_SCALAR:
            yield f"{place}: got {len(event.value):,} characters, expected at most {_MAX_SCALAR:,}"
        elif isinstance(event, yaml.ScalarEvent) and not event.style and _is_cut(text, event):
            yield (
                f"{place}: got ` #` behind {event.value!r:.60}, where YAML begins a comment; put a text with # "
                "in quotes, and a comment on a line of its own"
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MAX_DEPTH:
                yield f"{place}: nested more than {_MAX_DEPTH} levels deep, expected simple values and lists"
                return
        depth -= isinstance(event, yaml.CollectionEndEvent)
    if documents > 1:
        yield f"{path}: got {documents} YAML documents, expected one; is there a line of --- in it?"
