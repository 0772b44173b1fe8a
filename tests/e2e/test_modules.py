"""Runs the tests of the page's pure modules, which are JavaScript."""
import subprocess
from pathlib import Path


def test_modules():
    result = subprocess.run(["node", "--test", Path(__file__).parent / "modules.test.mjs"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
