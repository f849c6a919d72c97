"""From captions to numbers: scores, intervals, significance tests, receipts and their tables."""
