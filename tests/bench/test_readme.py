"""The figures of README.md: each comes from a benchmark, and is what the results beside the benchmarks say."""

import json
import re

import pytest

from bench.harness import figures, readme

from ..conftest import ROOT

TABLES = {"what", "what plays", "preset", "estimator", "mode", "48 kHz, blocks of 128, `hall_of_flutes`, mode `live`"}
"""Tables of figures that a benchmark measures, by the first cell of their heads."""

OTHERS = {"extra", "parameter", "controller", "folder", "judged on"}
"""Those that hold none; and accuracies, which the command above them measures (`dreampedal evaluate`)."""


@pytest.fixture
def page():
    return (ROOT / "README.md").read_text(encoding="utf-8")


def results(name):
    return json.loads((ROOT / "bench" / "results" / f"{name}.json").read_text())["rows"]


def test_every_line_is_there_once_and_says_what_was_measured(page):
    wrong = []
    for line in readme.lines():
        found = readme.pattern(line.text).findall(page)
        assert len(found) == 1, line.text
        said = found[0] if isinstance(found[0], tuple) else (found[0],)
        assert len(said) == len(line.figures) > 0, line.text
        for figure, text in zip(line.figures, said, strict=True) if line.kept else ():
            kept = readme.as_said(figure.value(results(line.bench)), text)
            if kept != text:
                wrong.append(f"{line.bench}: {line.text}: {text} in README.md, {kept} in bench/results")
    assert not wrong, "\n".join(wrong)


def test_every_row_of_a_table_of_figures_is_measured_again(page):
    heads = set()
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        head, _, *rows = table.splitlines()
        name = head.split(" | ")[0].strip("| ")
        heads.add(name)
        assert name in TABLES or name in OTHERS, f"a table that nothing is known of: {head}"
        for row in rows if name in TABLES else ():
            texts = [line.text for line in readme.lines() if readme.pattern(line.text).search(row)]
            assert len(texts) == 1 or "`studio`" in row, row  # the mode that others are compared with
    assert heads == TABLES | OTHERS


def test_every_benchmark_of_the_readme_can_be_run_and_compared():
    assert {line.bench for line in readme.lines()} == set(readme.BENCHES)
    kept = json.loads((ROOT / "bench" / "results" / "reference.json").read_text())
    for name in readme.BENCHES:
        assert any((ROOT / "bench" / place / f"{name}.py").is_file() for place in ("", "research"))
        assert all(kept[name][loop] > 0 for loop in ("python", "numpy", "process"))


def test_a_figure_that_is_wrong_is_told_and_a_slower_machine_is_not(page):
    """Results of the README, then those of a machine twice as slow, then ones that are half as long again."""
    for name in ("start", "stft", "board", "render"):
        rows = results(name)
        assert {row["verdict"] for row in figures.compared(name, rows, 1.0, page)} == {"as said"}
    rows = results("stft")
    slow = [row | {"ours µs": 2 * row["ours µs"], "theirs µs": 2 * row["theirs µs"]} for row in rows]
    assert {row["verdict"] for row in figures.compared("stft", slow, 2.0, page)} == {"as said"}
    assert {row["verdict"] for row in figures.compared("stft", slow, 1.0, page)} == {"DIFFERS"}
    assert {row["verdict"] for row in figures.compared("stft", [], 1.0, page)} == {"not measured"}


def test_what_is_measured_can_be_written_into_the_readme(page, tmp_path, monkeypatch):
    for name, folder in (("MEASURED", "build/figures"), ("RESULTS", "bench/results"), ("README", "README.md")):
        monkeypatch.setattr(figures, name, tmp_path / folder)
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    for name in ("build/figures", "bench/results"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "README.md").write_text(page, encoding="utf-8")
    (tmp_path / "bench" / "results" / "reference.json").write_text("{}")
    rows = [row | {"ours s": 54.8} if row["what"] == "first sound, no JIT cache" else row for row in results("start")]
    (tmp_path / "build" / "figures" / "start.json").write_text(json.dumps({"rows": rows}))
    figures.write(["start"], {"start": {"python": 1.0, "numpy": 1.0, "process": 1.0}})
    (line,) = (line for line in readme.lines() if "empty JIT cache" in line.text)
    before, after = (readme.pattern(line.text).search(text) for text in (page, (tmp_path / "README.md").read_text()))
    assert (after[1], after[2], after[3]) == (before[1], "54.8", before[3])
    assert len((tmp_path / "README.md").read_text().splitlines()) == len(page.splitlines())
    assert json.loads((tmp_path / "bench" / "results" / "reference.json").read_text())["start"]["numpy"] == 1.0
