"""One of three applications dies, hangs or fails under load at a fixed rate: ./dev bench --resilience, but short."""

import json
import os
import subprocess
import sys

import pytest
from support.running import binary

PROGRAM = os.path.join(os.path.dirname(__file__), "../../bench/resilience.py")
FOLDER = os.path.dirname(binary())


@pytest.mark.skipif(not os.path.exists(os.path.join(FOLDER, "sickbackend")), reason="only with ./dev's release build")
@pytest.mark.parametrize("fault", ["kill-turns", "503", "hang"])
def test_callers_notice_nothing_of_a_fault(tmp_path, fault):
    """Without what saves them they do: the measurement can tell the difference."""
    command = [sys.executable, PROGRAM, "--build", FOLDER, "--faults", fault, "--json", str(tmp_path / "results.json")]
    command += ["--folder", str(tmp_path), "--seconds", "2", "--rate", "500", "--warm-up", "0.3", "--timeout", "1500"]
    subprocess.run(command, check=True, timeout=60)
    with open(tmp_path / "results.json", encoding="utf-8") as file:
        runs = json.load(file)["results"][fault]
    assert runs["resilient"]["due"] > 500 and runs["resilient"]["failed"] == 0, runs["resilient"]
    # A killed application costs few GETs or none even then: what never arrived, or may be asked twice, is sent again.
    assert fault == "kill-turns" or runs["bare"]["failed"] > 50, runs["bare"]
