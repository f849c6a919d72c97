"""Vision-language models on this benchmark, run by Inspect AI: prompts, pictures without the answer, replies, scores.

Invariants:
* no pixel of a text rectangle of any picture is sent, and no reference caption of val or test;
* what could not be read as captions is a failure with a name, and never a caption;
* Inspect is imported by `task`, `scorer`, `run`, `logs`, `local`, `judge_run` and the reader of its logs in `harness`
  alone, which commands load when they need them.
"""
