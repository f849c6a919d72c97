"""CapOnImage-Mini, the embedded SYNTHETIC data set: its name, sizes and share of unexplained captions."""

NAME = "mini-1"
SIZES = {"train": 6000, "val": 1000, "test": 1000}

#: Share of the boxes whose caption is drawn at random and follows from no input.
UNEXPLAINED = 0.05
