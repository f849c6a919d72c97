"""The verbs `review export` and `review import` of `python -m benchmark.dataset`.

Invariant: nothing heavy is imported before a verb runs, since `--help` and scoring need none of it.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ... import cli
from ...errors import InputError
from ...files import check_outputs
from ...shell import quoted

if TYPE_CHECKING:
    from .review.answers import Answer, Key

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
    from .state import read_collection

    problems = []
    if form not in FORMS:
        problems.append(f"--form: got {form!r:.60}, expected {' or '.join(FORMS)}")
    if out.exists():
        problems.append(f"-o {out}: exists already; try another folder")
    if problems:
        raise InputError(*problems)
    collection = read_collection(work)
    pictures, data = collection.asked["pictures"], work / collection.asked["out"]
    check_outputs({"-o": out}, [work, data, pictures and Path(pictures)])
    asked = questions(work, split) if split else questions(work)
    if disagreements:
        asked = only(asked, disputed(kept_answers(work)))
        if not asked:
            raise InputError(
                "reviewers disagree on no caption; import the answers of two first, or leave out the option"
            )
    asked = asked[:images]
    cli.note(f"writing {len(asked):,} pictures")
    if form == "pages":
        write_pages(asked, out, collection.rules, name=str(collection.asked["name"]))
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

    All files are checked first; if one has a problem, nothing changes. Of several answers of a reviewer to one
    question, from this time and before, the new one counts. Later runs of `collect` into the same folder apply them.

    Example::

        python -m benchmark.dataset review import data/mine.work answers-*.json
    """
    from .review.answers import Answers, check_answers, keep_answers, kept_answers, read_answer_file
    from .review.label_studio import is_export, read_export
    from .run import CollectRun, taken
    from .state import read_questions

    run = CollectRun.again(work, jobs=jobs or os.cpu_count() or 1)
    problems = [problem] if (problem := taken(run.out)) else []
    new: dict[str, dict[Key, Answer]] = {}
    for path in answers:
        try:
            content = read_answer_file(path)
        except InputError as error:
            problems += error.problems
            continue
        files = [content]
        if is_export(content):
            export = read_export(content, str(path))
            files = export.files
            problems += export.problems
            if export.new:
                cli.note(f"{path}: {export.new:,} rectangles drawn new are left out: their texts have no mask")
            if export.repeated:
                cli.note(f"{path}: left out {export.repeated:,} annotations, since their author made a later one")
        for file in files:
            checked, wrong = check_answers(file, str(path), run.rules)
            problems += wrong
            if checked is None:
                continue
            given = new.setdefault(checked.reviewer, {})
            for key, answer in checked.given.items():
                if given.setdefault(key, answer) != answer:
                    problems.append(
                        f"{path}: {checked.reviewer} gives another answer to {key[3]!r:.60} of image {key[0]!r:.80} "
                        "than in another file; leave one out"
                    )
    if problems:
        raise InputError(*problems)
    wanted = {key for given in new.values() for key in given}
    present = len({key for key in read_questions(work) if key in wanted})
    if wanted and present < len(wanted) / 2:
        raise InputError(
            f"only {present:,} of {len(wanted):,} captions that the answers are about are in this collection; expected "
            "most of them: are they about another one, or were its pictures changed?"
        )
    before = {each.reviewer: each.given for each in kept_answers(work)}
    for name, given in new.items():
        old = before.get(name, {})
        replaced = sum(key in old for key in given)
        cli.note(f"{name}: {len(given):,} answers, of which {replaced:,} take the place of earlier ones")
    keep_answers(work, [Answers(name, {**before.get(name, {}), **given}) for name, given in new.items()])
    run.run()
