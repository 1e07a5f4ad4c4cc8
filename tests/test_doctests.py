"""Every example in a docstring, run under the name that its module is imported by."""

import doctest
import importlib
import pkgutil

import pytest

PACKAGES = (
    "dreampedal",
    "dreampedal.engine",
    "dreampedal.engine.live",
    "dreampedal.engine.phase",
    "dreampedal.effects",
    "dreampedal.presets",
    "dreampedal.export",
    "dreampedal.export.fit",
    "dreampedal.export.judge",
    "dreampedal.export.musicnn",
    "dreampedal.export.sets",
    "dreampedal.export.write",
    "dreampedal.export.zoo",
)


def modules():
    for package in PACKAGES:
        yield package
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
            if not module.ispkg and not module.name.endswith("__main__"):
                yield module.name


@pytest.mark.parametrize("name", list(modules()))
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert not found.failed
