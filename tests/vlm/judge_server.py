"""A server that judges captions with preferences that are known, beside the faults of its base."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from vlm.fault_server import REPLIES, FaultServer

from benchmark.preferences.votes import AXES


class JudgeServer(FaultServer):
    """A judge that knows the quality of captions by their first character.

    Attributes:
        wins: how often each first character won against another on relevance, ties as half a win.
        always: the answer to everything, if the judge does not look at the captions.
    """

    def __init__(
        self, quality: Mapping[str, float], always: str = "", shares: Mapping[str, float] | None = None
    ) -> None:
        super().__init__(shares)
        self.quality, self.always = dict(quality), always
        self.wins: Counter[tuple[str, str]] = Counter()

    def text(self, kind: str, body: dict[str, Any], name: str) -> str:
        """The verdict on a request; what fails with captions in it fails with a verdict, too."""
        verdict = {axis: self.always or self.answer(body, axis) for axis in AXES}
        if kind in ("good", "slow", "think", "fenced", "cut off"):
            a, b = (captions["1"][0] for captions in shown(body))
            if kind != "cut off":
                better, worse = (a, b) if verdict["relevance"] == "A" else (b, a)
                tie = verdict["relevance"] == "tie"
                self.wins[better, worse] += 0.5 if tie else 1
                self.wins[worse, better] += 0.5 if tie else 0
        return REPLIES[kind if kind in REPLIES else "good"](verdict)

    def answer(self, body: dict[str, Any], axis: str) -> str:
        """The better one by chance, the same chance whichever comes first."""
        first, second = shown(body)
        difference = self.quality[first["1"][0]] - self.quality[second["1"][0]]
        both = sorted(json.dumps(captions, ensure_ascii=False) for captions in (first, second))
        chance = int(hashlib.sha256(f"{axis} {both}".encode()).hexdigest()[:12], 16) / 16**12
        worse_wins = chance < 0.2
        return "tie" if not difference else "A" if (difference > 0) != worse_wins else "B"


def shown(body: dict[str, Any]) -> list[dict[str, str]]:
    """The two captionings of a request, in their order."""
    text = "\n".join(part["text"] for part in body["messages"][-1]["content"] if part["type"] == "text")
    return [json.loads(found) for found in re.findall(r"^(?:文案|Captions) [AB].*?(\{.*\})$", text, re.MULTILINE)]
