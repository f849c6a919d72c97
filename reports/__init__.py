"""Reproduction of the paper's tables and figures: training runs, scores beside the paper's, tests of its claims."""

from benchmark.extras import tell_before_the_command

tell_before_the_command()
