"""What to cite: `--citation`, an option of every command that prints or writes tables."""

from typing import Annotated

import typer

BIBTEX = """\
@inproceedings{gao2022caponimage,
  title     = {{CapOnImage}: Context-driven Dense-Captioning on Image},
  author    = {Gao, Yiqi and Hou, Xinglin and Zhang, Yuanmeng and Ge, Tiezheng and Jiang, Yuning and Wang, Peng},
  booktitle = {Proceedings of the 2022 Conference on Empirical Methods in Natural Language Processing},
  pages     = {3449--3465},
  year      = {2022},
  url       = {https://aclanthology.org/2022.emnlp-main.226}
}"""


def _print(asked: bool) -> None:
    if asked:
        typer.echo(BIBTEX)
        raise typer.Exit


#: Answered before any argument is asked for.
Citation = Annotated[
    bool, typer.Option("--citation", help="Print what to cite, and stop.", is_eager=True, callback=_print)
]
