"""CapOnImage-Mini, the embedded SYNTHETIC data set: what is known of it without loading its generator (`build`)."""

NAME = "mini-1"
SIZES = {"train": 6000, "val": 1000, "test": 1000}

#: Share of the boxes whose caption is drawn by chance and follows from no input.
UNEXPLAINED = 0.05
