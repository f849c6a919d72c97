"""Read the captions in a reply, or say in one word why there are none.

Models wrap their JSON in thoughts, prose and code fences, write it with Chinese quotes, or as a list. All that is read.
Whatever leaves a doubt about which caption belongs to which box is refused as a whole.
"""

import json
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

from ..invisible import visible
from ..predictions.files import tidy_caption

#: A caption above this is no caption: ten times the mean length of the paper's (five characters).
LONGEST = 50


class Failure(StrEnum):
    """Why a request has no captions."""

    not_asked = "not asked"
    no_reply = "no reply"
    truncated = "truncated"
    refused = "refused"
    empty = "empty"
    unparsable = "unparsable"
    wrong_count = "wrong count"
    duplicated = "box twice"
    other_language = "other language"
    too_long = "too long"


class UnusableReplyError(Exception):
    """A reply without captions; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


_THOUGHT_END = re.compile(r"</(think|thinking|reasoning)\s*>", re.IGNORECASE)
_THOUGHT_BEGIN = re.compile(r"<(think|thinking|reasoning)\b[^<>]*>", re.IGNORECASE)
#: Brackets that may begin no JSON, which bounds the time that a hostile reply takes.
_WRONG = 200
_FENCE = re.compile(r"```[\w-]*")
_CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_REFUSAL = re.compile(
    r"抱歉|对不起|无法(为|完成|满足|提供|协助|处理|生成|识别|查看)|不能(为|提供|协助|生成)|作为(一个|一名)?(AI|人工智能|语言模型)"
    r"|\bI('m| am)? ?(sorry|unable)|\bI (cannot|can't|can not|won't)|\bas an AI\b|\bunable to (assist|help|comply)",
    re.IGNORECASE,
)
#: Keys under which models put the captions of all boxes, the number of a box, and its caption.
_LISTS = ("captions", "boxes", "answers", "results", "文案", "结果")
_NUMBERS = ("box", "id", "number", "index", "box_id", "编号", "文本框", "文本框编号")
_CAPTIONS = ("caption", "text", "content", "文案", "内容", "文本")
_NUMBER = re.compile(r"\D{0,12}?(\d{1,4})\D{0,2}")
_WIDE = str.maketrans("“”＂｛｝［］：，０１２３４５６７８９", '"""{}[]:,0123456789')
_WRAPPING = [tuple(pair) for pair in ("“”", "‘’", "「」", "『』", "【】", '""', "''", "``", "＂＂")]
#: A caption with the number of its box before it; and what parts a sentence, which no caption without JSON may have.
_NUMBERED = re.compile(r"[\"“]?(?:文本框|框|box)?\s*(\d{1,4})[\"”]?\s*[:：.、)]\s*(.+)", re.IGNORECASE | re.DOTALL)
_SENTENCE = re.compile("[，。；？！,;?!].")

#: What stands for a caption in the example of an answer; a model that repeats it has written nothing.
_SAMPLES = {"文案"}

#: Characters of a reply without thoughts that are looked at.
_LONGEST_REPLY = 1 << 17

_HALF_PAIR = re.compile("[\ud800-\udfff]")


def read_reply(text: str, boxes: Sequence[int], *, stop_reason: str = "stop") -> list[str]:
    """Read the caption of each box that was asked for.

    Args:
        text: the reply as it came.
        boxes: the boxes that were asked for, by index; their numbers in requests are one higher.
        stop_reason: why the model stopped, in Inspect's words.

    Raises:
        UnusableReplyError: if the reply is no caption for each box, and nothing else.
    """
    said = _said(text, stop_reason)
    captions = [_tidy(caption) for caption in _captions(said, [box + 1 for box in boxes])]
    if not all(captions) or set(captions) <= _SAMPLES:
        raise UnusableReplyError(Failure.empty)
    if any(map(_REFUSAL.search, captions)):
        raise UnusableReplyError(Failure.refused)
    if max(map(len, captions)) > LONGEST:
        raise UnusableReplyError(Failure.too_long)
    if not _CHINESE.search("".join(captions)):
        raise UnusableReplyError(Failure.other_language)
    return captions


def read_objects(text: str, *, stop_reason: str = "stop") -> list[dict[str, Any]]:
    """Read the JSON objects in a reply, the last one first, since drafts come before it; none with a repeated key.

    Args:
        text: the reply as it came.
        stop_reason: why the model stopped, in Inspect's words.

    Raises:
        UnusableReplyError: if there is none.
    """
    said = _said(text, stop_reason)
    values = [value for form in (said, said.translate(_WIDE)) for value in reversed(list(_values(form)))]
    found = [dict(value) for value in values if isinstance(value, _Pairs) and len(dict(value)) == len(value)]
    if not found:
        raise UnusableReplyError(Failure.refused if _REFUSAL.search(said) else Failure.unparsable)
    return found


def _said(text: str, stop_reason: str) -> str:
    """A whole reply without thoughts."""
    if stop_reason in ("max_tokens", "model_length"):
        raise UnusableReplyError(Failure.truncated)
    if stop_reason == "content_filter":
        raise UnusableReplyError(Failure.refused)
    said = _without_thoughts(visible(text)).strip()
    if not said:
        raise UnusableReplyError(Failure.empty)
    if len(said) > _LONGEST_REPLY:
        raise UnusableReplyError(Failure.unparsable)
    return said


def _without_thoughts(text: str) -> str:
    """What comes after the last thought; some servers drop the tag that begins one."""
    end = 0
    for thought in _THOUGHT_END.finditer(text):
        end = thought.end()
    if _THOUGHT_BEGIN.search(text, end):
        raise UnusableReplyError(Failure.truncated)  # it never stopped thinking
    return text[end:]


def _captions(said: str, numbers: list[int]) -> list[str]:
    """The captions in a reply, in the order of the boxes."""
    failures = []
    for text in (said, said.translate(_WIDE)):
        for value in reversed(list(_values(text))):  # drafts come first
            try:
                return _assigned(value, numbers)
            except UnusableReplyError as error:
                failures.append(error)
    for failed in failures:
        if failed.failure is not Failure.unparsable:
            raise failed
    if _REFUSAL.search(said):
        raise UnusableReplyError(Failure.refused)
    if len(numbers) == 1:
        return [_plain(said, numbers[0])]
    raise UnusableReplyError(Failure.unparsable)


def _plain(said: str, number: int) -> str:
    """The caption of a reply that is nothing else, or has the number of its box before it.

    A sentence is none: that is how models and servers say that something went wrong.
    """
    text = _FENCE.sub("", said).strip().strip("*").strip()
    if numbered := _NUMBERED.fullmatch(text):
        if int(numbered[1]) not in (number, 1):
            raise UnusableReplyError(Failure.wrong_count)
        text = numbered[2].strip().strip("*").strip()
    if "\n" in text or set(text) & set("{}[]<>") or _SENTENCE.search(text):
        raise UnusableReplyError(Failure.unparsable)
    return text


def _values(text: str) -> Iterator[Any]:
    """The JSON objects and lists in a text, outermost ones, in its order."""
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs)
    at = wrong = 0
    while (
        wrong < _WRONG
        and (start := min((i for i in (text.find("{", at), text.find("[", at)) if i >= 0), default=-1)) >= 0
    ):
        try:
            value, at = decoder.raw_decode(text, start)
            yield value
        except (ValueError, RecursionError):
            at, wrong = start + 1, wrong + 1


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object, repeated keys included."""


def _assigned(value: Any, numbers: list[int]) -> list[str]:
    """The captions of a JSON value in the order of the boxes, whichever form the model has chosen."""
    while isinstance(value, _Pairs) and len(value) == 1 and isinstance(value[0][1], list):
        if value[0][0] not in _LISTS:
            break
        value = value[0][1]
    if isinstance(value, _Pairs):
        single = dict(value)
        if len(numbers) == 1 and len(single) == len(value) and isinstance(_first(single, _CAPTIONS), str):
            return [_first(single, _CAPTIONS)]
        return _by_number([(key, item) for key, item in value], numbers)
    if value and all(isinstance(item, _Pairs) for item in value):
        objects = [dict(item) for item in value]
        pairs = [(_first(item, _NUMBERS), _first(item, _CAPTIONS)) for item in objects]
        if all(number is not None for number, _ in pairs):
            return _by_number(pairs, numbers)
        if all(len(item) == 1 and _first(item, _CAPTIONS) is None for item in objects):  # [{"1": "..."}, {"2": "..."}]
            return _by_number([next(iter(item.items())) for item in objects], numbers)
        value = [caption for _, caption in pairs]
    if not value or not all(isinstance(item, str) for item in value):
        raise UnusableReplyError(Failure.unparsable)
    if len(value) != len(numbers):
        raise UnusableReplyError(Failure.wrong_count)
    return list(value)


def _first(item: dict[str, Any], keys: Sequence[str]) -> Any:
    return next((item[key] for key in keys if key in item), None)


def _by_number(pairs: Sequence[tuple[Any, Any]], numbers: list[int]) -> list[str]:
    found: dict[int, Any] = {}
    for key, caption in pairs:
        match = _NUMBER.fullmatch(str(key))
        if isinstance(caption, _Pairs):
            caption = _first(dict(caption), _CAPTIONS)
        if not match or not isinstance(caption, str):
            raise UnusableReplyError(Failure.unparsable)
        number = int(match[1])
        if number in found:
            raise UnusableReplyError(Failure.duplicated)
        found[number] = caption
    if len(numbers) == 1 and list(found) == [1]:  # one box, which some models count anew
        found = {numbers[0]: found[1]}
    if sorted(found) != sorted(numbers):
        raise UnusableReplyError(Failure.wrong_count)
    return [found[number] for number in numbers]


def _tidy(caption: str) -> str:
    """A caption on one line, without quotes around it and the full stop behind it."""
    if _HALF_PAIR.search(caption):
        raise UnusableReplyError(Failure.unparsable)
    caption = tidy_caption(visible(caption))
    while True:
        before = caption
        for left, right in _WRAPPING:
            if len(caption) >= 2 and caption.startswith(left) and caption.endswith(right) and left not in caption[1:-1]:
                caption = caption[1:-1].strip()
        caption = caption.strip().rstrip("。，；：、,;:")
        if caption == before:
            return caption
