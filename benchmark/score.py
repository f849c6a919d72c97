"""`python -m benchmark.score`: score prediction files: table, receipt, per-box scores, slices, further checks."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from . import cli
from .dataset import open_split
from .dataset.store import Split
from .errors import InputError
from .files import check_outputs, replace_when_complete
from .grid import Grid
from .predictions import read_predictions
from .scoring.evaluation import Evaluation, evaluate
from .scoring.receipt import DEFAULT_ENCODER, make_receipt
from .scoring.tables import seeds_table, tables


class Style(StrEnum):
    """Format in which tables are printed."""

    terminal = "terminal"
    markdown = "markdown"
    latex = "latex"
    json = "json"


def main(
    predictions: Annotated[
        list[Path] | None,
        typer.Argument(help="Prediction file (JSONL, also .gz or .zst; - reads stdin), or one file per seed."),
    ] = None,
    data: cli.Data = None,
    split: cli.SplitName = "test",
    track: cli.TrackName = cli.Track.caption,
    saliency: cli.Saliency = None,
    canvases: cli.Canvases = None,
    output: Annotated[
        Path | None,
        cli.to_file(
            "scores.json",
            "-o",
            "--output",
            help="Write the score receipt to this JSON file (- is stdout, instead of the table).",
        ),
    ] = None,
    segments: Annotated[
        Path | None,
        cli.to_file(
            "segments.jsonl",
            help="Write the scores of each box to this JSONL file (- is stdout, instead of the table).",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt as JSON instead of a table.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print the table as LaTeX.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
    slices: Annotated[
        bool, typer.Option(help="Also print scores by category, aspect ratio, position and more.")
    ] = False,
    copying: Annotated[
        bool, typer.Option(help="Also measure copying from product info and training captions.")
    ] = False,
    types: Annotated[bool, typer.Option(help="Also score caption types; needs the extra `types`.")] = False,
    encoder: Annotated[
        str | None,
        typer.Option(help="Caption-type model of --types: mini, or a folder made by fit_types. [default: mini]"),
    ] = None,
    lens: Annotated[bool, typer.Option(help="Also print scores under other recipes of the same metrics.")] = False,
    engine: Annotated[
        str, typer.Option(help="Scorer: caponimage, or pycocoevalcap to show both side by side.")
    ] = "caponimage",
    citation: cli.Citation = False,
) -> None:
    """Score a prediction file: BLEU-1..4, METEOR, CIDEr, Div@1/2, exact match, length fitness, with 95 % intervals.

    Examples::

        # the test split of mini, the embedded data set
        python -m benchmark.score preds.jsonl
        python -m benchmark.score preds.jsonl --data DIR --split val
        # write a receipt with slices, which the command verify recomputes
        python -m benchmark.score preds.jsonl -o scores.json
        # mean and deviation of several seeds of one system
        python -m benchmark.score seed1.jsonl seed2.jsonl seed3.jsonl
        zcat preds.jsonl.gz | python -m benchmark.score - --json
        # layouts, and layouts with captions (docs/layout.md)
        python -m benchmark.score layouts.jsonl --track joint
    """
    if not predictions:
        raise InputError("no prediction file given; try `python -m benchmark.score preds.jsonl`, or --help")
    if engine not in ("caponimage", "pycocoevalcap"):
        raise InputError(f"--engine: got {engine!r}, expected caponimage or pycocoevalcap")
    if len(predictions) > 1 and (output or segments or as_json):
        raise InputError("-o, --segments and --json take one prediction file; score the files one by one")
    as_json, printed = as_json or str(output) == "-", str(segments) == "-"
    if as_json and printed:
        raise InputError("--segments -: stdout takes the receipt already; name a file for one of them")
    style = Style.json if as_json else Style.latex if latex else Style.markdown if markdown else Style.terminal

    opened = open_split(data, split)
    check_outputs({"--output": output, "--segments": segments}, [*predictions, opened.directory])
    if track is not cli.Track.caption:
        of_captions = {"--segments": segments, "--copying": copying, "--types": types, "--encoder": encoder}
        of_captions |= {"--lens": lens, "--engine pycocoevalcap": engine != "caponimage"}
        if given := [option for option, value in of_captions.items() if value]:
            raise InputError(
                *(f"{option} is of the track caption, and has no meaning with --track {track}" for option in given)
            )
        _score_layouts(predictions, opened, track, (saliency, canvases), output, slices=slices, style=style)
        return
    if saliency or canvases:
        raise InputError("--saliency and --canvases are of the layout tracks; add --track layout or --track joint")
    captions = [read_predictions(path, opened) for path in predictions]
    evaluations = [evaluate(opened, one) for one in captions]
    if len(evaluations) > 1:
        _show(seeds_table(opened, evaluations), style)
        return

    evaluation = evaluations[0]
    receipt = make_receipt(
        opened,
        evaluation,
        slices=bool(slices or output or as_json),
        copying_from=open_split(data, "train") if copying else None,
        type_encoder=(encoder or DEFAULT_ENCODER) if types else None,
    )
    _give(receipt, output, style)
    if segments:
        _write_segments(segments, opened, evaluation)
    if as_json or printed:
        return
    for grid in tables(receipt, slices=slices):
        _show(grid, style)
    if lens:
        from .scoring.lens import lens_table

        _show(lens_table(opened, captions[0]), style)
    if engine == "pycocoevalcap":
        from .scoring.original import comparison_table

        _show(comparison_table(evaluation), style)


def _score_layouts(
    predictions: list[Path],
    split: Split,
    track: str,
    maps: tuple[str | None, str | None],
    output: Path | None,
    *,
    slices: bool,
    style: Style,
) -> None:
    """Score files of a layout track; `maps` are the sources of saliency maps and canvases."""
    from .layout.evaluation import evaluate_layouts  # captions are scored without it
    from .layout.maps import Maps
    from .layout.reading import read_layouts
    from .layout.receipt import layout_tables, make_layout_receipt

    sources = Maps.chosen(split, *maps)
    layouts = [read_layouts(path, split, track) for path in predictions]
    evaluations = [evaluate_layouts(split, one, track, sources) for one in layouts]
    if len(evaluations) > 1:
        _show(seeds_table(split, evaluations), style)
        return
    receipt = make_layout_receipt(split, evaluations[0], slices=bool(slices or output or style is Style.json))
    _give(receipt, output, style)
    if style is not Style.json:
        for grid in layout_tables(receipt, slices=slices):
            _show(grid, style)


def _give(receipt: dict[str, Any], output: Path | None, style: Style) -> None:
    """Write a receipt to the file that was asked for, and print it if that was asked for."""
    text = json.dumps(receipt, ensure_ascii=False, indent=1)
    if output and str(output) != "-":
        with replace_when_complete(output) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    if style is Style.json:
        cli.document(text)


def _show(grid: Grid, style: Style) -> None:
    if style is Style.terminal:
        grid.show(cli.stdout)
    else:
        cli.document(f"{grid.latex() if style is Style.latex else grid.markdown()}\n")


def _write_segments(path: Path, split: Split, evaluation: Evaluation) -> None:
    scores = evaluation.segments()
    image = split.image_of_box
    box = range(split.n_boxes) - split.offsets[image]
    with replace_when_complete(path) as partial, partial.open("wb") as file:
        for row in zip(image.tolist(), box.tolist(), *(scores[name].tolist() for name in scores), strict=True):
            line = {
                "image_id": split.image_ids[row[0]],
                "box": row[1],
                **dict(zip(scores, row[2:], strict=True)),
            }
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    cli.run(main)
