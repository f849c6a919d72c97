"""The baselines of Table 2: Up-Down, Meshed-Memory Transformer, RSTNet, M4C-Captioner.

Each folder holds `config.py` (name, settings and variants, with the constant `NETWORK` by which
`reference_model.registry` finds it), `model.py` (the network) and a README (the original, what was adapted and why).
They share vocabulary, image features, location input, trainer and decoding with the reference model; without product
info (`inputs.info=false`) they are the paper's rows w/o TAtt.
"""
