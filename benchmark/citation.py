"""BibTeX entry of the CapOnImage paper; the option `--citation` (`cli.Citation`) prints it."""

BIBTEX = """\
@inproceedings{gao2022caponimage,
  title     = {{CapOnImage}: Context-driven Dense-Captioning on Image},
  author    = {Gao, Yiqi and Hou, Xinglin and Zhang, Yuanmeng and Ge, Tiezheng and Jiang, Yuning and Wang, Peng},
  booktitle = {Proceedings of the 2022 Conference on Empirical Methods in Natural Language Processing},
  pages     = {3449--3465},
  year      = {2022},
  url       = {https://aclanthology.org/2022.emnlp-main.226}
}"""
