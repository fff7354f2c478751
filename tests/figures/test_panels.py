"""Panels are described by metrics, and show what the lines hold."""

import re

import numpy as np

from gan_jax.figures.palette import CURVES
from gan_jax.figures.panels import Panel, evaluation_panels, history_panels, training_panels
from gan_jax.figures.svg import plot_panels
from gan_jax.systems import Metric

LOSS = Metric("encoder", "nats", panel="Losses", scale="log", history=("train", "held_out"))


def test_training_panels_group_metrics_in_order():
    metrics = {"a": LOSS, "b": Metric("slope", "score"), "c": LOSS._replace(title="decoder", scale="linear")}
    losses, slope, throughput = training_panels(metrics)
    assert losses == Panel("Losses", "nats", {"a": "encoder", "c": "decoder"}, scale="log")
    assert slope == Panel("Slope", "score", {"b": ""})
    assert (throughput.title, [*throughput.curves]) == ("Throughput", ["images_per_s"])


def test_history_panels_show_what_is_recorded():
    metrics = {
        "a": LOSS,
        "b": Metric("estimate", "score", history=("gap",)),
        "c": Metric("norm", "score per pixel", history=("quantiles",)),
        "d": Metric("not recorded", ""),
    }
    assert history_panels(metrics) == [
        Panel("Encoder", "nats", {"a_train": "on training data", "a_held_out": "on held-out data"}, scale="log"),
        Panel("Estimate, training minus held-out", "score", {"b_gap": ""}),
        Panel("Norm", "score per pixel", {"c_median": "median"}, band=("c_q05", "c_q95")),
    ]


def test_evaluation_panels_begin_with_the_scores():
    lines = [{"step": 1}, {"step": 2, "kernel": 1.0, "kernel_sd": 0.1, "recall": 0.5, "a_train": 1.0}]
    kernel, recall, loss = evaluation_panels(lines, {"kernel": 0.5}, {"a": LOSS})
    assert kernel == Panel("Kernel", "score", {"kernel": ""}, baseline=0.5, scale="log")
    assert (recall.title, recall.baseline, recall.scale) == ("Recall", None, "linear")
    assert loss.title == "Encoder"


def lines_of(**columns):
    count = len(next(iter(columns.values())))
    return [{"step": i, **{name: values[i] for name, values in columns.items()}} for i in range(count)]


def paths(html):
    """The colors of the lines drawn."""
    return re.findall(r"stroke: (var\(--\w+\))", html)


def test_panels_without_numbers_are_left_out():
    panel = Panel("Loss", "nats", {"a": "first", "b": "second"})
    assert plot_panels([panel], [], end=9) == ""
    assert plot_panels([panel], lines_of(a=[np.nan, np.inf], b=[None, np.nan]), end=9) == ""
    one = plot_panels([panel, panel._replace(curves={"c": ""})], lines_of(a=[1.0, 2.0], b=[None, np.nan]), end=9)
    assert one.count("<svg") == 1
    assert "first" in one
    assert "second" not in one


def test_each_curve_has_a_color_of_its_own_with_its_key():
    names = [f"curve {letter}" for letter in "abcdef"]
    panel = Panel("<Losses>", "nats", {name: f"the {name}" for name in names})
    html = plot_panels([panel], lines_of(**{name: [1.0, 2.0] for name in names}), end=1)
    for color, name in zip(CURVES, names, strict=True):
        assert f'border-color: var(--{color})"></i>the {name}' in html
        assert f"var(--{color})" in paths(html)
    assert "&lt;Losses&gt;" in html
    assert "<Losses>" not in html


def test_a_band_and_a_baseline_have_their_keys():
    panel = Panel("Norm", "score", {"m": "median"}, baseline=1.5, band=("low", "high"))
    lines = lines_of(m=[1.0, 2.0], low=[0.5, 1.0], high=[2.0, 3.0])
    html = plot_panels([panel], lines, end=1)
    assert ("5 % to 95 %" in html, "real data" in html, html.count("stroke-dasharray")) == (True, True, 1)
    without = plot_panels([panel._replace(baseline=float("nan"), band=())], lines, end=1)
    assert ("5 % to 95 %" in without, "real data" in without, without.count("stroke-dasharray")) == (False, False, 0)


def test_panels_of_one_title_have_different_ids():
    one, two = (Panel("Loss", "nats", {name: ""}) for name in ("a", "b"))
    html = plot_panels([one, two], lines_of(a=[1.0, 2.0], b=[1.0, 2.0]), end=1)
    ids = re.findall(r' id="([^"]*)"', html)
    assert len(ids) == len({*ids}) > 0
