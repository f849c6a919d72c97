"""Figures of the paper, drawn from stored runs."""
