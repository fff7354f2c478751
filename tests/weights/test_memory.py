"""Reading weights takes hardly more memory than they have, though a third of them is one tensor."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="says a process' most memory")
def test_a_text_tower_of_public_size_is_read_in_its_own_memory(tmp_path):
    command = [sys.executable, ROOT / "benchmarks" / "weights_memory.py", "clip_l", "--folder", tmp_path]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    found = json.loads(subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE).stdout)
    assert found["file"] > 2e8
    assert 0.9 < found["ratio"] < 1.3, found
    assert not list(tmp_path.iterdir())
