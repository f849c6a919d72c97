"""An OpenAI-compatible server that fails in every way that servers and models do, by the hash of the request.

The k-th time that a request comes it meets the same fate in every run, and its good reply is always the same, so runs
with and without faults can be compared. The server knows which requests it has answered well; whoever asks for one of
these again is found out.
"""

import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

WORDS = ("温和不刺激", "好用", "质感升级", "终身保修", "舒适耐用", "顺丰包邮", "一整天轻松", "送礼有面子")

#: Faults of the transport; after these the client asks again by itself.
TRANSPORT = ("429", "500", "cut", "slow")


def good(captions: Mapping[str, str]) -> str:
    return json.dumps(captions, ensure_ascii=False)


#: Replies by kind: those that can be read, then those that cannot.
REPLIES: dict[str, Callable[[dict[str, str]], str]] = {
    "good": good,
    "think": lambda captions: f'<think>框 1 很窄…… {{"1": "草稿"}}</think>\n{good(captions)}',
    "fenced": lambda captions: f"好的：\n```json\n{good(captions)}\n```\n希望有帮助。",
    "count": lambda captions: good({**captions, "99": "多出的"}),
    "twice": lambda captions: good(captions)[:-1] + f', "{next(iter(captions))}": "又一句"}}',
    "cut off": lambda captions: good(captions)[:-4],
    "empty": lambda captions: "",
    "refusal": lambda captions: "抱歉，我无法为这张图片撰写文案。",
    "english": lambda captions: good(dict.fromkeys(captions, "Soft and gentle")),
    "long": lambda captions: good({number: caption * 20 for number, caption in captions.items()}),
    "prose": lambda captions: "这些文本框都很适合写一些轻松的句子\n比如舒适。",
}
READABLE = ("good", "think", "fenced")


class FaultServer:
    """The server; `with FaultServer({"429": 0.05}) as server:` serves at `server.url` until the block ends.

    Attributes:
        shares: share of requests that meet each fault, of `TRANSPORT` and `REPLIES`.
        bodies: every request as it came.
        answered: hashes of requests that were answered well.
        again: hashes of requests that came again after that.
        hold_at: number of good answers after which requests are held until `let_go`, and then dropped.
    """

    def __init__(self, shares: Mapping[str, float] | None = None, *, delay: float = 0.0) -> None:
        self.shares = dict(shares or {})
        self.delay = delay
        self.bodies: list[dict[str, Any]] = []
        self.seen: Counter[str] = Counter()
        self.answered: set[str] = set()
        self.again: list[str] = []
        self.hold_at: int | None = None
        self.held = threading.Event()
        self._go = threading.Event()
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"faults": self})
        self._http = _Http(("127.0.0.1", 0), handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._go.set()
        self._http.shutdown()
        self._http.server_close()

    def let_go(self, hold_at: int | None = None) -> None:
        """Drop the requests that are held, and hold again after so many good answers."""
        with self._lock:
            self.hold_at = hold_at
            self.held.clear()
            go, self._go = self._go, threading.Event()
        go.set()

    @staticmethod
    def name_of(body: dict[str, Any]) -> str:
        """The hash of a request."""
        return hashlib.sha256(json.dumps(body["messages"], sort_keys=True).encode()).hexdigest()

    def fate(self, body: dict[str, Any]) -> tuple[str, str]:
        """Note a request; returns its hash and what becomes of it: a fault, a kind of reply, or "drop"."""
        name = self.name_of(body)
        with self._lock:
            self.bodies.append(body)
            self.seen[name] += 1
            chance = int(hashlib.sha256(f"{name} {self.seen[name]}".encode()).hexdigest()[:12], 16) / 16**12
            if name in self.answered:
                self.again.append(name)
            held = self._go if self.hold_at is not None and len(self.answered) >= self.hold_at else None
            kind = "good"
            for fault, share in self.shares.items():
                if 0 <= chance < share:
                    kind = fault
                chance -= share
            if held is None:
                if kind in (*READABLE, "slow"):
                    self.answered.add(name)
                return name, kind
        self.held.set()
        held.wait(60)
        return name, "drop"

    def text(self, kind: str, body: dict[str, Any], name: str) -> str:
        """The text of a reply of some kind."""
        return REPLIES.get(kind, good)(captions_for(body, name))


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that were killed do not wait for their answers."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faults: FaultServer

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name, kind = self.faults.fate(body)
        if kind in ("cut", "drop"):
            self.close_connection = True
            self.connection.close()
            return
        time.sleep(0.5 if kind == "slow" else self.faults.delay)
        if kind == "429":
            self._send(
                429,
                {"error": {"message": "slow down", "type": "rate_limit_error"}},
                {"retry-after-ms": "50", "retry-after": "1"},
            )
        elif kind == "500":
            self._send(500, {"error": {"message": "out of memory"}})
        else:
            text = self.faults.text(kind, body, name)
            self._send(200, completion(text, "length" if kind == "cut off" else "stop"))

    def _send(self, status: int, value: object, headers: Mapping[str, str] | None = None) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        about = {"content-type": "application/json", "content-length": str(len(content))}
        for key, text in {**about, **(headers or {})}.items():
            self.send_header(key, text)
        self.end_headers()
        self.wfile.write(content)


def captions_for(body: dict[str, Any], name: str) -> dict[str, str]:
    """The good captions of a request: by the numbers in the example that stands at its end."""
    said = body["messages"][-1]["content"]
    text = said if isinstance(said, str) else next(part["text"] for part in said if part["type"] == "text")
    numbers = json.loads(re.findall(r"\{[^{}]*\}", text)[-1])
    start = int(name[:4], 16)
    return {number: WORDS[(start + 3 * i) % len(WORDS)] for i, number in enumerate(numbers)}


def completion(text: str, reason: str) -> dict[str, Any]:
    """A reply of the server in OpenAI's form."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "fault",
        "choices": [{"index": 0, "finish_reason": reason, "message": message}],
        "usage": {"prompt_tokens": 500, "completion_tokens": 40, "total_tokens": 540},
    }
