"""Everything of a board as one folder, which appears complete or not at all.

OUT/leaderboard.md   OUT/leaderboard.csv   OUT/slices.csv   OUT/index.html and pages
"""

from pathlib import Path

from benchmark.files import folder_when_complete
from benchmark.leaderboard.board import Board
from benchmark.leaderboard.tables import board_csv, markdown, slices_csv


def write_board(board: Board, out: Path, *, site: bool = True, types: str | None = None) -> None:
    """Write the board.

    Args:
        board: to write.
        out: the folder, replaced if it is there.
        site: whether to write pages.
        types: encoder of the caption types on them, see `site.write_site`.
    """
    with folder_when_complete(out) as folder:
        (folder / "leaderboard.md").write_text(markdown(board), encoding="utf-8")
        (folder / "leaderboard.csv").write_text(board_csv(board), encoding="utf-8")
        (folder / "slices.csv").write_text(slices_csv(board), encoding="utf-8")
        if site:
            from benchmark.leaderboard.site import write_site

            write_site(board, folder, types)
