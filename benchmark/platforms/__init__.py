"""Hosting the benchmark on Codabench and EvalAI: bundles with hidden references, and simulated workers.

Invariants:
* scores come from `scoring.evaluation`, whose source is packed into the bundle: they equal those of `benchmark.score`
  to the last bit;
* references are only in the files of `references`, which only the organiser and the worker can open; nothing that a
  participant can see holds their text, not even an error message or a log;
* a worker needs no network, no Java and no other program.
"""
