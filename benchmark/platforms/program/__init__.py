"""Files that stand, as they are, in the program folder of a bundle."""
