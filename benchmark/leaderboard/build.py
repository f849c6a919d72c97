"""Everything of a board as one folder, which appears complete or not at all.

OUT/leaderboard.md   OUT/leaderboard.csv   OUT/slices.csv   OUT/index.html and pages
"""

from pathlib import Path

from ..errors import InputError
from ..files import folder_when_complete
from .board import Board
from .tables import board_csv, markdown, slices_csv

_PAGE = "leaderboard.md"


def write_board(board: Board, out: Path, *, site: bool = True, types: str | None = None) -> None:
    """Write the board.

    Args:
        board: to write.
        out: the folder; an older board there is replaced.
        site: whether to write pages.
        types: encoder of the caption types on them, see `site.write_site`.

    Raises:
        InputError: if something else than a board is there.
    """
    out = out.resolve()
    if out.exists() and not (out.is_dir() and ((out / _PAGE).is_file() or not any(out.iterdir()))):
        raise InputError(f"{out} is there and is no board; it is not replaced, name another folder")
    with folder_when_complete(out) as folder:
        (folder / _PAGE).write_text(markdown(board), encoding="utf-8")
        (folder / "leaderboard.csv").write_text(board_csv(board), encoding="utf-8")
        (folder / "slices.csv").write_text(slices_csv(board), encoding="utf-8")
        if site:
            from .site import write_site

            write_site(board, folder, types)
