"""Asks for the fields of metadata.yaml one by one in the terminal, and checks every answer at once.

Invariants:
* a refused answer is explained and asked for again; nothing is corrected silently;
* every answer is kept at once, so that an interruption loses none.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from .metadata import MAINTAINERS, Metadata, example_of

_CONFIG = ConfigDict(str_strip_whitespace=True)
#: Fields that are asked for, and then required, only if another field has a true value; by field.
_ONLY_IF = {
    "external_data": "uses_external_data",
    "code_commit": "code_url",
    "provider": "prompt",
    "unanswered_boxes": "prompt",
}
#: Fields that are asked for only if another field has a value, and may be left empty then.
_MAYBE_IF = {"tokens_per_image": "prompt", "cost_per_1000_images": "prompt"}
#: Fields that are required if another field has no value.
_UNLESS = {"n_params": "prompt"}


@dataclass
class Interview:
    """Asks for all fields of the metadata.

    Attributes:
        ask: function that shows a prompt and returns a line; raises EOFError or KeyboardInterrupt at an interruption.
        show: function that shows a line.
        answers: answers so far, by field; valid metadata once `run` has returned.
    """

    ask: Callable[[str], str]
    show: Callable[[str], None]
    answers: dict[str, Any] = field(default_factory=dict)

    def run(self) -> None:
        """Ask for every field that applies, and keep the answers."""
        for name, about in Metadata.model_fields.items():
            condition = _ONLY_IF.get(name)
            asked_with = condition or _MAYBE_IF.get(name)
            if name in MAINTAINERS or (asked_with and not self.answers[asked_with]):
                continue
            if name == "uses_external_data" and self.answers["prompt"]:  # the model was trained on something
                self.answers[name] = True
                continue
            without = name in _UNLESS and not self.answers[_UNLESS[name]]
            must = about.is_required() or condition is not None or without
            how = "Press Enter to leave it empty. " if not must else ""
            how = "One per line; an empty line ends the list. " if _is_list(about) else how
            how = "Answer yes or no. " if about.annotation is bool else how
            self.show(f"\n{about.description}\n  {how}Example: {example_of(name)}")
            self.answers[name] = self._field(name, about, must=must)

    def _field(self, name: str, about: FieldInfo, *, must: bool) -> Any:
        adapter = TypeAdapter[Any](Annotated[about.annotation, about], config=_CONFIG)  # type: ignore[arg-type]
        while True:
            answer = self._lines(name, adapter) if _is_list(about) else self.ask(f"{name}: ").strip()
            if not answer and not must:
                return None
            if about.annotation is bool:
                answer = {"y": "true", "yes": "true", "n": "false", "no": "false"}.get(str(answer).lower(), answer)
            try:
                return adapter.validate_python(answer)
            except ValidationError as error:
                for one in error.errors(include_url=False):
                    number = next((f"answer {part + 1}: " for part in one["loc"] if isinstance(part, int)), "")
                    why = one["msg"].removeprefix("Value error, ")
                    self.show(f"  not accepted: {number}{why}; got {one['input']!r:.80}")

    def _lines(self, name: str, adapter: TypeAdapter[Any]) -> list[str]:
        lines: list[str] = []
        try:
            while line := self.ask(f"{name}[{len(lines)}]: ").strip():
                lines.append(line)
        except (EOFError, KeyboardInterrupt):
            if lines:
                with suppress(ValidationError):
                    self.answers[name] = adapter.validate_python(lines)
            raise
        return lines


def _is_list(about: FieldInfo) -> bool:
    return get_origin(about.annotation) is list
