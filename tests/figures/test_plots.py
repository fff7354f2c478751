"""The figures of a run's scores and of several kinds of samples."""

from contextlib import nullcontext

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from gan_jax.evaluation import Evaluation, Protocol, Value
from gan_jax.figures.comparison import plot_comparison
from gan_jax.figures.curves import plot_curves, plot_panel
from gan_jax.figures.panels import Panel
from gan_jax.figures.scatter import plot_scatter
from gan_jax.systems import Metric

PROTOCOL = Protocol("digits", "ab" * 32, "held_out", 30, 30, 30, "pixels", None, "none", 0)
METRICS = {"loss": Metric("loss", "nats", history=("train", "held_out", "gap"))}


def size(file):
    with Image.open(file) as image:
        return image.size


def curves(file, lines, baseline=None):
    plot_curves(file, lines, baseline=baseline or {}, protocol=PROTOCOL, metrics=METRICS)


def test_curves_are_plotted_in_rows_of_four(tmp_path):
    line = {"step": 5, "frechet": 2.0, "precision": 0.5, "recall": float("nan")}
    curves(tmp_path / "two.png", [line, line | {"step": 9, "frechet": 1.0}], {"frechet": 0.5, "precision": np.nan})
    line |= {"recall": 0.1, "loss_train": 1.0, "loss_held_out": 2.0, "loss_gap": -1.0}
    curves(tmp_path / "five.png", [line])
    (two_wide, two_high), (five_wide, five_high) = size(tmp_path / "two.png"), size(tmp_path / "five.png")
    assert two_wide == pytest.approx(five_wide / 2, abs=2)
    assert two_high < five_high
    assert len([*tmp_path.iterdir()]) == 2


def test_a_run_that_has_diverged_has_no_curves(tmp_path):
    curves(tmp_path / "a.png", [{"step": 5, "frechet": float("nan"), "loss_gap": float("inf")}])
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "samples",
    [np.zeros((40, 4, 4, 1), np.uint8), np.ones((40, 4, 4, 3), np.uint8), np.zeros((9, 2)), np.zeros((8, 1))],
    ids=len,
)
def test_kinds_of_samples_are_compared(tmp_path, samples):
    scores = {"kernel": Value((1.0, 2.0), 0.5), "kernel_sd": Value((0.1, 0.1), 0.1), "recall": Value((0.5,), 1.0)}
    evaluations = [Evaluation(name, PROTOCOL, (0, 1), scores) for name in ("one", "other")]
    plot_comparison(tmp_path / "new" / "a.png", evaluations, [samples, samples])
    assert size(tmp_path / "new" / "a.png")[0] == 990


@pytest.mark.parametrize(
    ("scale", "values", "is_log"),
    [
        ("log", [1.0, 1000.0], True),
        ("log", [1.0, 10.0], False),
        ("log", [-1.0, 1000.0], False),
        ("linear", [1.0, 1000.0], False),
    ],
)
def test_only_a_wide_range_of_positive_numbers_is_logarithmic(scale, values, is_log):
    axes = Figure().add_subplot()
    lines = [{"step": step, "a": value} for step, value in enumerate(values)]
    plot_panel(axes, Panel("Loss", "nats", {"a": ""}, scale=scale), lines)
    assert (axes.get_yscale() == "log") == is_log


def test_a_bound_is_a_line_that_the_plot_reaches():
    axes = Figure().add_subplot()
    plot_panel(axes, Panel("Slope", "score", {"a": ""}, bound=1.0), [{"step": 1, "a": 3.0}, {"step": 2, "a": 4.0}])
    assert [line.get_label() for line in axes.lines][-1] == "bound"
    assert axes.get_ylim()[0] <= 1


def test_modes_are_marked_and_decide_what_is_shown(tmp_path):
    axes = Figure().add_subplot()
    plot_scatter(axes, np.full((5, 2), 100.0), modes=np.array([[0.0, 0.0], [2.0, 0.0]]))
    assert axes.lines[0].get_xydata().tolist() == [[0, 0], [2, 0]]
    assert axes.get_xlim() == pytest.approx((-0.7, 2.7))


def test_the_caption_keeps_within_the_figure(tmp_path, monkeypatch):
    shown = {}
    monkeypatch.setattr("gan_jax.figures.curves.atomic_write", lambda file: nullcontext(file))
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: shown.update(figure=figure, text=figure._supxlabel))
    curves(tmp_path / "a.png", [{"step": 1, "frechet": 1.0, "precision": 0.5}])
    monkeypatch.undo()
    shown["figure"].draw_without_rendering()
    box, width = shown["text"].get_window_extent(), shown["figure"].bbox.width
    assert 0 <= box.x0 < box.x1 <= width


def test_real_data_and_arrows_are_in_a_comparison(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: shown.append(figure))
    scores = {"frechet": Value((1.0,), 0.5), "recall": Value((0.5,), 1.0), "density": Value((0.5,), 1.0)}
    samples = np.zeros((40, 4, 4, 1), np.uint8)
    monkeypatch.setattr("gan_jax.figures.comparison.atomic_write", lambda file: nullcontext(file))
    plot_comparison(tmp_path / "a.png", [Evaluation("one", PROTOCOL, (0,), scores)], [samples], real=samples)
    titles = [axes.get_title() for subfigure in shown[0].subfigs for axes in subfigure.axes]
    assert titles == ["A  one", "real data", "frechet ↓", "recall ↑", "density → real"]
