"""The benchmark on other people's platforms: bundles for Codabench and EvalAI, and their workers, simulated.

Invariants:
* scores come from `scoring.evaluation`, whose source travels in the bundle: they are those of `benchmark.score`, to
  the last bit;
* references stand in one kind of file (`references`), which only the organiser and the worker can open; nothing that
  a participant can see, error messages and logs too, holds their text;
* a worker needs no network, no Java and no other program.
"""
