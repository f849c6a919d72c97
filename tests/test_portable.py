"""Scoring on systems other than Unix, as far as it can be seen on Unix."""

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


def test_scoring_needs_no_module_that_only_unix_has() -> None:
    """An import of fcntl or resource at the top of a module, which ends every command on Windows."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM, *UNIX], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0
