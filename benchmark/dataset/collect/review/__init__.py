"""Review of captions by people: pages with questions, answers as files, and the stage that applies them.

    python -m benchmark.dataset review export data/mine.work -o review    # pages, or tasks for Label Studio
    python -m benchmark.dataset review import data/mine.work answers.json

A question is a caption as it was read; an answer says whether it stays, and with which text. Answers are kept in the
working folder, so that every later run of `collect` applies them.
"""
