"""Files that are copied unchanged into the program folder of a bundle."""
