"""The version of this package: the one place that names it, from which the wheel, receipts and releases take it."""

__version__ = "0.1.0"
