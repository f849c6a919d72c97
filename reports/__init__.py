"""Reproduction of the paper's tables and figures: training runs, scores beside the paper's, tests of its claims."""
