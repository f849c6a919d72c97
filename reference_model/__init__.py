"""The paper's model (Gao et al., EMNLP 2022), its training, decoding and ablations."""

from benchmark.extras import tell_before_the_command

tell_before_the_command()
