"""Every example in a docstring, run under the name that its module is imported by."""

import doctest
import importlib
import pkgutil

import pytest

PACKAGES = ("dreampedal", "dreampedal.engine", "dreampedal.effects", "dreampedal.presets", "dreampedal.export")


def modules():
    for package in PACKAGES:
        yield package
        below = pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
        yield from (module.name for module in below if not module.name.endswith("__main__"))


@pytest.mark.parametrize("name", list(modules()))
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert not found.failed
