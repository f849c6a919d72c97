"""Prediction files, with one JSON object per text box and line: read, write, repair (`docs/predictions.md`)."""

from .check import read_predictions
from .files import repair_predictions, write_predictions

__all__ = ["read_predictions", "repair_predictions", "write_predictions"]
