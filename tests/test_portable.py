"""Scoring where less is installed than here: on Windows, and on the workers of other platforms."""

import subprocess
import sys

#: Modules of the standard library that Windows does not have.
UNIX = ("fcntl", "grp", "pwd", "resource", "termios")

_PROGRAM = """
import sys
for name in sys.argv[1:]:
    sys.modules[name] = None  # importing it fails, as on Windows
import benchmark, benchmark.score, benchmark.validate, benchmark.compare, benchmark.verify, benchmark.submit
import benchmark.demo, benchmark.dataset.mini.build, benchmark.leaderboard.check, benchmark.leaderboard.board
scores = benchmark.evaluate(predictions=[["温和不刺激", "好用"]], references=[["温和不刺激", "实用"]]).scores
print(round(scores["BLEU-1"], 6))
"""


def test_a_worker_needs_no_module_for_terminals() -> None:
    """A bundle for another platform that ends with "No module named typer", which its worker does not have."""
    program = """
import sys
for name in ("click", "rich", "typer", "pylopdf_fonts_zh_cn"):
    sys.modules[name] = None
import benchmark, benchmark.platforms.worker
print(benchmark.evaluate(predictions=[["温和不刺激"]], references=[["温和不刺激"]]).intervals()["Exact"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "(100.0, 100.0)\n"), done.stderr


def test_scoring_needs_no_module_that_only_unix_has() -> None:
    """An import of fcntl or resource at the top of a module, which ends every command on Windows."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM, *UNIX], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0
