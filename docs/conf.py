"""The documentation site: `make docs` builds it into build/docs, and stops at the first warning."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERBS = (
    "demo", "process", "live", "presets", "devices", "doctor", "verify", "classify", "judge", "evaluate", "export",
    "distil",
    "prune", "search", "train", "train notes", "train folder", "train networks",
)  # fmt: skip

project = "DreamPedal"
author = "The DreamPedal authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["generated/*"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["deflist", "fieldlist"]
myst_heading_anchors = 3
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_numpy_docstring = False
nitpicky = True
nitpick_ignore = [
    ("py:exc", "OverlapError"),
    ("py:exc", "NotStreamable"),
    ("py:class", "pedalboard_native.utils.Chain"),
]
html_theme = "furo"
html_title = "DreamPedal"


def write_help(app: object) -> None:
    """What `dreampedal VERB --help` prints, as files that the page of the command line includes."""
    folder = Path(__file__).with_name("generated")
    folder.mkdir(exist_ok=True)
    plain = os.environ | {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100"}
    for verb in VERBS:
        command = [sys.executable, "-m", "dreampedal", *verb.split(), "--help"]
        text = subprocess.run(command, check=True, capture_output=True, text=True, env=plain, cwd=ROOT).stdout
        (folder / f"{verb.replace(' ', '_')}.txt").write_text(text)


def fit_links(app: object, path: Path, parent: str, content: list[str]) -> None:
    """Links of an included page: to pages as they lie here, to code as its name alone."""
    text = re.sub(r"\[([^]]+)\]\([^)]*\.(py|csv)\)", r"`\1`", content[0])
    for there, here in (
        ("bench/research/", "tables/"), ("bench/", "tables/"), ("docs/", ""), ("CONTRIBUTING.md", "contributing.md"),
    ):
        text = text.replace(f"]({there}", f"]({here}")
    content[0] = text


def setup(app: object) -> None:
    app.connect("include-read", fit_links)  # type: ignore[attr-defined]
    app.connect("builder-inited", write_help)  # type: ignore[attr-defined]
