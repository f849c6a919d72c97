"""Training runs: which ones the tables need, how they are trained, and how their results are stored."""
