"""Votes on which of two systems captions an image better, by people or by a model, and what follows from them.

Invariant: nothing here is part of a score, a receipt or the leaderboard, none of which may import it: votes cannot be
computed again from predictions.
"""
