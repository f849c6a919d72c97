"""The evaluation script of EvalAI; the worker imports its folder as a package and calls `evaluate`."""

from .prepare import prepare

prepare()

from benchmark.leaderboard.exports.worker import evalai as evaluate  # noqa: E402

__all__ = ["evaluate"]
