"""The verbs `review export` and `review import` of `python -m benchmark.dataset`.

Invariant: nothing heavy is imported before a verb runs, since `--help` and scoring need none of it.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from ... import cli
from ...errors import InputError
from ...shell import quoted

app = cli.group()

FORMS = ("pages", "label-studio")
_Work = Annotated[Path, typer.Argument(help="Working folder of a collection, such as data/mine.work.")]


@app.callback()
def main() -> None:
    """Let people review the captions of val and test: write pages, read their answers."""


@app.command("export")
def export_command(
    work: _Work,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to; must not exist yet.")],
    split: Annotated[list[str] | None, typer.Option(help="Splits to review. [default: val and test]")] = None,
    images: Annotated[int | None, typer.Option(help="Only so many images, the riskiest.", min=1)] = None,
    disagreements: Annotated[
        bool, typer.Option("--disagreements", help="Only captions on which reviewers disagree so far.")
    ] = False,
    form: Annotated[str, typer.Option(help="pages, which open from disk, or label-studio.")] = "pages",
    address: Annotated[
        str | None, typer.Option(help="label-studio: what stands before images/0.jpg. [default: its local files]")
    ] = None,
) -> None:
    r"""Write pages on which people review captions, the riskiest images first.

    Give the folder to each reviewer; each opens index.html, answers, and sends back a file.

    Examples::

        python -m benchmark.dataset review export data/mine.work -o review
        python -m benchmark.dataset review export data/mine.work -o third \
            --disagreements
        python -m benchmark.dataset review export data/mine.work -o tasks \
            --form label-studio
    """
    from .review.answers import kept_answers
    from .review.label_studio import ADDRESS, write_tasks
    from .review.pages import write_pages
    from .review.questions import only, questions
    from .review.stage import disputed
    from .rules import from_dict
    from .state import read_collection

    problems = []
    if form not in FORMS:
        problems.append(f"--form: got {form!r:.60}, expected {' or '.join(FORMS)}")
    if out.exists():
        problems.append(f"-o {out}: exists already; try another folder, or delete it")
    if problems:
        raise InputError(*problems)
    collection = read_collection(work)
    rules = from_dict(collection.asked["rules"])
    asked = questions(work, split) if split else questions(work)
    if disagreements:
        asked = only(asked, disputed(kept_answers(work, rules)))
        if not asked:
            raise InputError(
                "reviewers disagree on no caption; import the answers of two first, or leave out the option"
            )
    asked = asked[:images]
    cli.note(f"writing {len(asked):,} pictures")
    if form == "pages":
        write_pages(asked, out, rules, name=str(collection.asked["name"]))
    else:
        write_tasks(asked, out, address=ADDRESS if address is None else address)
    n = sum(len(image.questions) for image in asked)
    first = "index.html: open it" if form == "pages" else "tasks.json, config.xml: import them"
    cli.say(
        f"{out}/{first}; {len(asked):,} images with {n:,} captions; next: python -m benchmark.dataset review import "
        f"{quoted(work)} ANSWERS ..."
    )


@app.command("import")
def import_command(
    work: _Work,
    answers: Annotated[list[Path], typer.Argument(help="Files of answers, or exports of Label Studio as JSON.")],
    jobs: Annotated[int | None, typer.Option(help="Processes. [default: one per core]", min=1)] = None,
) -> None:
    """Check the answers of reviewers, keep them, and write the data set again with them applied.

    All files are checked first; if one has a problem, nothing changes. Answers that a reviewer has given before are
    replaced. Later runs of `collect` into the same folder apply them, too.

    Example::

        python -m benchmark.dataset review import data/mine.work answers-*.json
    """
    from .review.answers import Answers, check_answers, keep_answers, read_answer_file
    from .review.label_studio import answers_in, is_export
    from .rules import from_dict
    from .run import CollectRun
    from .state import read_captions, read_collection

    rules = from_dict(read_collection(work).asked["rules"])
    known = {(image.product.image_id, c.line, c.text) for image in read_captions(work) for c in image.read}
    problems: list[str] = []
    found: dict[str, Answers] = {}
    new = 0
    for path in answers:
        try:
            content = read_answer_file(path)
        except InputError as error:
            problems += error.problems
            continue
        files = [content]
        if is_export(content):
            files, n, wrong = answers_in(content, str(path))
            new += n
            problems += wrong
        for file in files:
            checked, wrong = check_answers(file, str(path), known, rules)
            problems += wrong
            if checked is None:
                continue
            if found.setdefault(checked.reviewer, checked).given != checked.given:
                problems.append(f"{path}: other answers of {checked.reviewer!r} are in another file; give one of them")
    if problems:
        raise InputError(*problems)
    if new:
        cli.note(f"{new:,} regions that were drawn new are left out: their texts have no mask")
    run = CollectRun.again(work, jobs=jobs or os.cpu_count() or 1)
    keep_answers(work, list(found.values()))
    for each in found.values():
        cli.note(f"{each.reviewer}: {len(each.given):,} answers")
    run.run()
