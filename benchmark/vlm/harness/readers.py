"""Read the replies out of the files of other harnesses, which may hold anything: all sizes are bounded.

| file | is of | a request is known by |
|---|---|---|
| `*_samples_*.jsonl` | lmms-eval | the id in the items of our metrics, else its number |
| `.xlsx`, `.tsv` | VLMEvalKit | its number, in the column `index` |
| `predictions/`, `reviews/`, `.jsonl` | EvalScope | its number |
| `.eval` | Inspect, on a repository of the Hub | `request` in its metadata |
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from ...dataset.collect.tables import read_lines, read_rows
from ...errors import InputError

#: Bytes of a line of JSONL: EvalScope repeats the pictures of a request in it, those of examples included.
_LINE = 256 << 20

#: Bounds of a workbook: its members, their bytes when unpacked, and the rows and columns that are read.
_MEMBERS, _UNPACKED, _ROWS, _COLUMNS = 200, 512 << 20, 1_048_576, 200


@dataclass(frozen=True)
class HarnessReply:
    """A reply in a file.

    Attributes:
        place: where it stands.
        key: the id of its request, or its number.
        text: the reply; None if there was none.
        stop_reason: why the model stopped, in Inspect's words.
        tokens_in, tokens_out: tokens of request and reply, as far as they are told.
    """

    place: str
    key: str | int
    text: str | None
    stop_reason: str = "stop"
    tokens_in: int = 0
    tokens_out: int = 0


def read_answers(path: Path) -> Iterator[HarnessReply]:
    """Iterate over the replies of a file.

    Raises:
        InputError: if there is no such file, or it is none of those that are known.
    """
    suffix = path.suffix.lower()
    readers = {".jsonl": _from_jsonl, ".xlsx": _from_workbook, ".tsv": _from_tsv, ".eval": _from_log}
    if suffix not in readers:
        raise InputError(f"{path}: no file of a harness, expected one that ends in {', '.join(readers)}")
    if not path.is_file():
        raise InputError(f"{path}: {'a folder' if path.is_dir() else 'no such file'}, expected a file")
    return readers[suffix](path)


# JSONL of lmms-eval and EvalScope.


def _from_jsonl(path: Path) -> Iterator[HarnessReply]:
    for number, line in read_lines(path, _LINE):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            row = orjson.loads(line)
        except ValueError as error:
            raise InputError(f"{place}: not JSON ({error!s:.160})") from None
        try:
            if "filtered_resps" in row:
                yield _of_lmms_eval(place, row)
            elif "model_output" in row:
                yield _of_prediction(place, row)
            else:
                score = row["sample_score"]["score"]
                yield HarnessReply(place, _number(row["index"]), _text(score["prediction"]))
        except (LookupError, TypeError, ValueError, AttributeError):
            raise InputError(
                f"{place}: no reply that is known, expected a line of lmms-eval's samples or of EvalScope's "
                "predictions or reviews"
            ) from None


def _of_lmms_eval(place: str, row: dict[str, Any]) -> HarnessReply:
    request = (row.get("failures") or {}).get("request")  # see `lmms_functions.process_results`
    key = request if isinstance(request, str) else _number(row["doc_id"])
    replies = row["filtered_resps"]
    while isinstance(replies, list):
        replies = replies[0]  # repeats are other attempts; the first one counts
    tokens = (row.get("token_counts") or [None])[0] or {}
    return HarnessReply(
        place, key, _text(replies), "stop", _count(tokens, "input_tokens"), _count(tokens, "output_tokens")
    )


def _of_prediction(place: str, row: dict[str, Any]) -> HarnessReply:
    output = row["model_output"] or {}
    choices = output.get("choices") or []
    used = output.get("usage") or {}
    text, stop = None, "stop"
    if choices:
        content = choices[0]["message"]["content"]
        if isinstance(content, list):  # parts; thoughts have a type of their own
            content = "".join(part["text"] for part in content if part["type"] == "text")
        text, stop = _text(content), str(choices[0].get("stop_reason"))
    tokens = _count(used, "input_tokens"), _count(used, "output_tokens")
    return HarnessReply(place, _number(row["index"]), text, stop, *tokens)


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    number = int(value)
    if abs(number) > 1 << 53:
        raise ValueError
    return number


def _count(tokens: dict[str, Any], name: str) -> int:
    """A number of tokens; what is none counts nothing, since a run is not lost for that."""
    value = tokens.get(name)
    return value if isinstance(value, int) and 0 <= value < 1 << 40 else 0


# Tables of VLMEvalKit.


def _from_tsv(path: Path) -> Iterator[HarnessReply]:
    for row in read_rows(path, {"index", "prediction"}):
        if row.problem:
            raise InputError(f"{row.place}: {row.problem}")
        yield _of_table(row.place, row.values)


def _of_table(place: str, values: dict[str, Any]) -> HarnessReply:
    if not {"index", "prediction"} <= set(values):
        raise InputError(f"{place}: expected the columns index and prediction, as VLMEvalKit writes them")
    try:
        key = _number(values["index"])
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{place}: index is {values['index']!r:.60}, expected the number of a request") from None
    value = values["prediction"]
    return HarnessReply(place, key, "" if value is None else str(value))


def _from_workbook(path: Path) -> Iterator[HarnessReply]:
    """The rows of the first sheet, one after the other."""
    from openpyxl import load_workbook

    _check_archive(path)
    try:
        book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
        rows = book.worksheets[0].iter_rows(values_only=True, max_row=_ROWS, max_col=_COLUMNS)
        names = [str(name).strip().lower() for name in next(rows, ())]
        for number, row in enumerate(rows, 2):
            if row.count(None) < len(row):
                yield _of_table(f"{path}: row {number}", dict(zip(names, row, strict=False)))
        book.close()
    except InputError:
        raise
    except Exception as error:  # a zip archive, XML and a schema, each with errors of its own
        raise InputError(f"{path}: not a workbook ({type(error).__name__}: {error!s:.160})") from None


def _check_archive(path: Path) -> None:
    """Refuse a workbook that unpacks to more than its bounds; no member gives more bytes than it states.

    Raises:
        InputError: if it is no archive, or too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise InputError(f"{path}: not a workbook ({error!s:.160})") from None
    size = sum(member.file_size for member in members)
    if len(members) > _MEMBERS or size > _UNPACKED:
        raise InputError(
            f"{path}: {len(members):,} members of {size:,} bytes, expected at most {_MEMBERS:,} of {_UNPACKED:,}; "
            "have VLMEvalKit write text: PRED_FORMAT=tsv"
        )


# Logs of Inspect.


def _from_log(path: Path) -> Iterator[HarnessReply]:
    from inspect_ai.log import read_eval_log_samples

    unused = {"events", "store", "attachments", "messages"}
    try:
        for sample in read_eval_log_samples(str(path), all_samples_required=False, exclude_fields=unused):
            place = f"{path}: sample {sample.id}"
            request = sample.metadata.get("request")
            if not isinstance(request, str):
                raise InputError(f"{place}: its metadata names no request, expected a log of `inspect eval hf/...`")
            output = sample.output
            text = None if output.empty else output.completion
            used = output.usage
            tokens = (used.total_tokens - used.output_tokens, used.output_tokens) if used else (0, 0)
            yield HarnessReply(place, request, text, output.stop_reason, *tokens)
    except InputError:
        raise
    except Exception as error:  # a zip archive, JSON and a schema, each with errors of its own
        raise InputError(f"{path}: not a log of Inspect ({type(error).__name__}: {error!s:.160})") from None
