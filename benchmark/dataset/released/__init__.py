"""Import of the annotation files that the paper's authors released."""
