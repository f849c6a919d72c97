"""What Inspect finds by the entry point of this package: the import registers task, scorer, metrics and provider."""

from .local import FolderModel
from .scorer import captions_scorer
from .task import caption

__all__ = ["FolderModel", "caption", "captions_scorer"]
