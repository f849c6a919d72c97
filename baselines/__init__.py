"""The baselines of Table 2: Up-Down, Meshed-Memory Transformer, RSTNet, M4C-Captioner.

Each folder holds `config.py` (what it is called and which settings it has), `model.py` (the network) and a README (what
the original does, what was adapted and why). They share vocabulary, image features, location input, trainer and
decoding with the reference model; without product info (`inputs.info=false`) they are the paper's rows w/o TAtt.
"""
