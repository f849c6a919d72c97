"""Evaluation script for EvalAI, whose worker imports this folder as a package and calls `evaluate`."""

from .prepare import prepare

prepare()

from caponimage.platforms.worker import evalai as evaluate  # type: ignore[import-not-found]  # noqa: E402

__all__ = ["evaluate"]
