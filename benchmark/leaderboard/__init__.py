"""The leaderboard: entries in `submissions/`, their checks, and the board of their recomputed scores.

Its modules need pydantic and PyYAML (the extra `board`); importing the package itself loads neither.
"""
