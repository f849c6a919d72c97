"""The paper's model (Gao et al., EMNLP 2022), its training, decoding and ablations."""
