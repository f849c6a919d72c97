"""Tables of the paper with our scores beside its numbers, and statistical tests of its claims."""
