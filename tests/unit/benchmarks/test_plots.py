"""A plot in the docs shows the run that was kept, and that can be said without drawing it."""
from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from docs.from_code import plots
from docs.generate import REFERENCES

FOLDER = REFERENCES / plots.FOLDER


@pytest.mark.parametrize("name", plots.PLOTS)
def test_each_plot_is_drawn_from_the_run_that_was_kept(name: str) -> None:
    assert plots.data(name), "nothing to show"
    assert plots.is_current(name, FOLDER), "run: python docs/generate.py"


def test_a_plot_of_other_figures_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(FOLDER / "profile.svg", tmp_path)
    assert plots.is_current("profile", tmp_path)
    monkeypatch.setitem(plots.PLOTS, "profile", lambda measured: {"PostgreSQL": {"rules": 100.0}})
    assert not plots.is_current("profile", tmp_path)
    assert not plots.is_current("ratios", tmp_path), "there is none"


def test_the_same_figures_give_the_same_file(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib draws the docs' plots and nothing else")
    from docs.from_code import drawing

    for folder in (tmp_path / "one", tmp_path / "other"):
        drawing.draw("members", folder)
    assert (tmp_path / "one" / "members.svg").read_bytes() == (tmp_path / "other" / "members.svg").read_bytes()
