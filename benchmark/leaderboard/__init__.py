"""The leaderboard: entries of `submissions/`, what must hold of them, and the checker that continuous integration runs.

The modules in here need pydantic and PyYAML (the extra `board`); importing this package loads neither.
"""
