"""CapOnImage: the benchmark of captioning on image."""

__version__ = "0.1.0"
