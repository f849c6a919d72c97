"""Vision-language models in folders, run by transformers in this process: `--model hf/FOLDER`.

Inspect's own provider of that name refuses pictures, so this one takes its place here; to Inspect it is `hf-vision`.

Invariants:
* nothing is downloaded, and no code out of a model's folder is run;
* a model's name holds a digest of its folder, so replies of other weights are never taken for its own, and no path of
  this machine stands in a log;
* a reply that was cut at its longest length says so, and weights that are missing are not replaced by random ones.
"""

import copy
import hashlib
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ContentImage,
    ContentText,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from ..errors import InputError
from ..integrity import sha256_of

#: Name of the provider in Inspect's model names.
PROVIDER = "hf-vision"

DTYPES = ("auto", "bfloat16", "float16", "float32")
ATTENTIONS = ("eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention")

#: What every tokenizer here must give back.
_CHINESE = "请为每个文本框写一句文案"

#: Longest reply where the settings name none.
_TOKENS = 4096


@modelapi(name=PROVIDER)
class FolderModel(ModelAPI):
    """A vision-language model in a folder, as `save_pretrained` makes it, processor and chat template included.

    Requests are answered one after the other, however many wait: one that shares a batch with others gets other bits.

    Args:
        model_name: the folder.
        base_url, api_key: what Inspect gives to every provider; a folder has neither.
        config: settings of replies.
        device: where the model runs, such as cuda:1; auto spreads it over all devices. Default: the first GPU, or cpu.
        dtype: type of the weights in memory, of `DTYPES`; auto is that of the files.
        attn_implementation: kernels of the attention, of `ATTENTIONS`; by default transformers chooses.
        unknown: other arguments, which are refused.

    Raises:
        InputError: if the folder or an argument cannot be used, or a package is missing.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  # as Inspect's providers have it; it is not changed
        device: str | None = None,
        dtype: str = "auto",
        attn_implementation: str | None = None,
        **unknown: Any,
    ) -> None:
        folder = Path(model_name).expanduser()
        if problems := _problems(folder, dtype, attn_implementation, unknown):
            raise InputError(*problems)
        self._processor, self._model = _load(folder, device, dtype, attn_implementation)
        super().__init__(f"{folder.resolve().name}@{_digest(folder)}", base_url, api_key, [], config)
        self._one = CapacityLimiter(1)

    def max_connections(self) -> int:
        """One request at a time."""
        return 1

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """Answer a request; one that is cancelled stops at its next token."""
        if tools or config.response_schema is not None:
            raise InputError(f"{PROVIDER} has neither tools nor replies bound to a schema; try a server")
        stop = threading.Event()
        asked = (conversation(input), config, stop)
        try:
            return await to_thread.run_sync(self._reply, *asked, abandon_on_cancel=True, limiter=self._one)
        finally:
            stop.set()

    def _reply(self, messages: list[dict[str, Any]], config: GenerateConfig, stop: threading.Event) -> ModelOutput:
        import torch
        from transformers import set_seed

        began = time.monotonic()
        inputs = self._processor.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        ).to(self._model.device, dtype=self._model.dtype)
        settings = self._settings(config)
        if config.seed is not None:
            set_seed(config.seed)

        def stopped(ids: Any, scores: Any, **rest: Any) -> Any:
            return torch.full((len(ids),), stop.is_set(), device=ids.device)

        output = self._model.generate(**inputs, generation_config=settings, stopping_criteria=[stopped])
        n_in = int(inputs["input_ids"].shape[1])
        ids = output[0, n_in:].tolist()
        ends = settings.eos_token_id if isinstance(settings.eos_token_id, list) else [settings.eos_token_id]
        cut = len(ids) >= settings.max_new_tokens and ids[-1] not in ends
        [text] = self._processor.batch_decode([ids], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        message = ChatMessageAssistant(content=text, model=self.model_name, source="generate")
        return ModelOutput(
            model=self.model_name,
            choices=[ChatCompletionChoice(message=message, stop_reason="max_tokens" if cut else "stop")],
            usage=ModelUsage(input_tokens=n_in, output_tokens=len(ids), total_tokens=n_in + len(ids)),
            time=time.monotonic() - began,
        )

    def _settings(self, config: GenerateConfig) -> Any:
        """The folder's own settings of generation, but for what the request says; temperature 0 is greedy."""
        settings = copy.deepcopy(self._model.generation_config)
        settings.max_length, settings.max_new_tokens = None, config.max_tokens or _TOKENS
        if config.temperature == 0:
            settings.do_sample = False
            settings.temperature = settings.top_p = settings.top_k = None
            return settings
        settings.do_sample = True
        for name in ("temperature", "top_p", "top_k"):
            if (value := getattr(config, name)) is not None:
                setattr(settings, name, value)
        return settings


def conversation(messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """Messages in the form that chat templates of transformers take.

    Raises:
        InputError: if a picture would have to be fetched, or a part is neither picture nor text.
    """
    told = []
    for message in messages:
        parts = [ContentText(text=message.content)] if isinstance(message.content, str) else message.content
        content = []
        for part in parts:
            if isinstance(part, ContentText):
                content.append({"type": "text", "text": part.text})
            elif isinstance(part, ContentImage) and part.image.startswith("data:image/"):
                content.append({"type": "image", "url": part.image})
            else:
                raise InputError(f"{PROVIDER}: got a part of type {part.type!r}, expected texts and pictures as data")
        told.append({"role": message.role, "content": content})
    return told


def _problems(folder: Path, dtype: str, attention: str | None, unknown: dict[str, Any]) -> list[str]:
    """What can be known to be wrong before anything is loaded, a sentence each."""
    found = [
        f"got the argument {name!r}, expected some of device, dtype, attn_implementation" for name in sorted(unknown)
    ]
    if dtype not in DTYPES:
        found.append(f"dtype: got {dtype!r}, expected one of {', '.join(DTYPES)}")
    if attention not in (None, *ATTENTIONS):  # other names are those of kernels that would be downloaded
        found.append(f"attn_implementation: got {attention!r}, expected one of {', '.join(ATTENTIONS)}")
    if not folder.is_dir():
        found.append(
            f"there is no folder {folder}, and nothing is downloaded; expected the folder of a model, such as "
            "`hf download NAME --local-dir FOLDER` makes it"
        )
    elif not (folder / "config.json").is_file():
        found.append(f"{folder} has no config.json, expected the folder of a model as transformers saves it")
    return found


def _load(folder: Path, device: str | None, dtype: str, attention: str | None) -> tuple[Any, Any]:
    """The processor and the model in a folder."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when the package is imported; `local_files_only` says it for each file
    try:
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor
    except ModuleNotFoundError as error:
        raise InputError(
            f"hf/FOLDER needs {error.name}, which is not installed; try `pip install 'caponimage[vlm-local]'`"
        ) from None
    options = {"local_files_only": True, "trust_remote_code": False}
    spread = {"device_map": "auto"} if device == "auto" else {}
    try:
        any_processor: Any = AutoProcessor  # which has no types
        processor = any_processor.from_pretrained(str(folder), **options)
        if not hasattr(processor, "image_processor"):
            raise ValueError("nothing in it prepares pictures")
        if not processor.chat_template:
            raise ValueError("it has no chat template")
        told = processor.tokenizer.decode(processor.tokenizer.encode(_CHINESE, add_special_tokens=False))
        if told.replace(" ", "") != _CHINESE:  # a tokenizer without its file is empty, and nobody says so
            raise ValueError(f"its tokenizer does not know Chinese: {_CHINESE!r} becomes {told!r}")
        found: Any = AutoModelForImageTextToText.from_pretrained(
            str(folder), dtype=dtype, attn_implementation=attention, output_loading_info=True, **options, **spread
        )
        model, loaded = found
        if loaded["missing_keys"]:  # they would be random numbers
            raise ValueError(f"weights are missing: {', '.join(map(str, sorted(loaded['missing_keys'])))}")
        if not spread:
            model.to(device or _first_device(torch))
    except Exception as error:  # whatever a broken folder or a full GPU raises, which transformers does not say
        words = " ".join(str(error).split())
        raise InputError(f"{folder} cannot be used as a vision-language model ({words:.300})") from None
    return processor, model.eval()


def _first_device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _digest(folder: Path) -> str:
    """SHA-256 of the files that are in a folder, 12 hex digits."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")):
        digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()[:12]
