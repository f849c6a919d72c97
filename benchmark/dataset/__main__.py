"""`python -m benchmark.dataset VERB`: make data sets and identify them.

A verb is a small function on `app`; what it needs is imported inside it, so that `--help` stays fast.
"""

import json
from typing import Annotated

import typer

from benchmark.cli import run, stdout
from benchmark.errors import InputError

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def main() -> None:
    """Make data sets and identify them."""


@app.command("fingerprint")
def fingerprint_command(
    data: Annotated[
        str | None, typer.Argument(help='Data set folder, or "mini". Default: $CAPONIMAGE_DATA, else "mini".')
    ] = None,
) -> None:
    """Fingerprint of every split, recomputed from its rows, and the public split it belongs to.

    Exit code 2 if a split is not what its `dataset.json` says, that is, if a file was changed or replaced.

    Example: `python -m benchmark.dataset fingerprint data/caponimage2m`
    """
    from rich.table import Table

    from benchmark.dataset import open_dataset
    from benchmark.dataset.known import known_split

    table = Table("split", "images", "boxes", "fingerprint", "known as")
    changed = []
    for name, split in open_dataset(data).items():
        found = split.fingerprint.hexdigest()
        table.add_row(name, f"{split.n_images:,}", f"{split.n_boxes:,}", found, known_split(found) or "unpinned")
        description = split.directory / "dataset.json"
        claimed = json.loads(description.read_text(encoding="utf-8"))["splits"][name].get("fingerprint")
        if claimed != found:
            changed.append(
                f"{split.directory / name}.parquet was changed after it was written: its fingerprint is {found}, "
                f"{description} says {claimed}; import or build the data set again"
            )
    stdout.print(table)
    if changed:
        raise InputError(*changed)


if __name__ == "__main__":
    run(app)
