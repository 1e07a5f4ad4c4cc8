"""First sound in units of a file that never changes."""

import subprocess
import sys
from hashlib import sha256

from ..conftest import ROOT

REFERENCE = ROOT / "bench" / "harness" / "reference_kernels.py"


def test_the_reference_is_what_it_was_when_first_used():
    """Whatever changes it makes every figure before it worthless; nothing is to be corrected there."""
    found = sha256(REFERENCE.read_bytes()).hexdigest()
    assert found == "8376cc370a3d47524ad1328e7aed5bdde511d12e70f6e47f4b769b9e0326c7ab"


def test_the_reference_compiles_all_of_its_kernels_and_says_how_long_it_took(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    printed = subprocess.run([sys.executable, str(REFERENCE)], check=True, capture_output=True, text=True).stdout
    assert float(printed) > 0
    source = REFERENCE.read_text(encoding="utf-8")
    assert len(list(tmp_path.rglob("*.nbc"))) == source.count("@njit(") == 10
