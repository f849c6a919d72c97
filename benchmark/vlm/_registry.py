"""What Inspect finds by the entry point of this package: the import registers task, scorer and metrics."""

from .scorer import captions_scorer
from .task import caption

__all__ = ["caption", "captions_scorer"]
