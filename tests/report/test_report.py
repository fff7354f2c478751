"""The report of a run: what it says, that it needs nothing but itself, and that a browser shows it."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from gan_jax.figures.samples import save_samples
from gan_jax.report import ReportContents, write_report
from gan_jax.report.tables import penalty_in_words
from gan_jax.report.verdict import verdict
from gan_jax.systems import Metric

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
VOID = {"meta", "link", "img", "input", "br"}
SHA = "0123456789abcdef" * 4
PROTOCOL = {
    "data": "digits",
    "fingerprint": SHA,
    "split": "held_out",
    "n_real": 360,
    "n_fake": 359,
    "n_baseline": 358,
    "features": "pixels",
    "weights": None,
    "resize": "none",
    "seed": 0,
}


class Page(HTMLParser):
    """A page that is refused unless every tag is closed where it should be."""

    def __init__(self, text):
        super().__init__()
        self.text, self.open, self.found, self.ids = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data):
        if self.open[-1:] not in (["script"], ["style"]):
            self.text.append(" ".join(data.split()))

    def cells(self):
        return [text for text in self.text if text]


METRICS = {
    "wasserstein": Metric("Wasserstein estimate", "score", history=("gap",)),
    "critic_loss": Metric("critic", "score", panel="Losses", history=("train", "held_out")),
    "generator_loss": Metric("generator", "score", panel="Losses"),
    "penalty": Metric("Penalty", "penalty", scale="log"),
    "norm": Metric("Gradient norm", "score per pixel", history=("quantiles",)),
    "unmeasured": Metric("Unmeasured", "score", history=("gap",)),
}


def contents_of(folder, *, lines=30, scores=10, shape=(8, 8, 1), pictures=15):
    """What a run and `gan-jax evaluate` leave, made up."""
    random = np.random.default_rng(0)
    statistics = dict.fromkeys(["mean", "sd", "q05", "median", "q95"], 1.0) | {"max": 7.125}
    measured = {name: statistics for name in ("own <measurement>", "norm", "wasserstein")}
    value = {"values": [12.1, 12.3, 12.6], "baseline": 1.5, "mean": 12.333, "sd": 0.252, "good": "low"}
    samples = [folder / f"step_{20 * i:08d}.png" for i in range(pictures)]
    for file in samples:
        is_image = len(shape) == 3
        save_samples(file, random.integers(0, 256, (12, *shape), np.uint8) if is_image else random.normal(size=(50, 2)))
    return ReportContents(
        name="run",
        summary="<script>alert('mine')</script> · GAN",
        settings={"gan": {"critic_optimizer": {"learning_rate": 0.0001}, "depth": None}, "gan_jax": "0.0.1"},
        environment={"python": "3.11.2", "devices": "1 cpu (cpu)"},
        metrics=METRICS,
        counts=["critic_steps", "images"],
        evaluation={
            "samples": "run",
            "protocol": PROTOCOL | {"settings": {"frechet": "in float64", "precision_recall": "k = 3"}},
            "seeds": [0, 1, 2],
            "scores": {"frechet": value, "precision": value | {"sd": None, "baseline": float("nan"), "good": "high"}},
            "step": 10 * lines,
            "diagnostics": {"train": measured, "held_out": measured},
        },
        training_lines=[
            {"step": i, "critic_steps": 5 * i, "images": 320 * i, "images_per_s": 320.0}
            | {name: 3 * np.exp(-i / 100) + random.uniform() for name in [*METRICS][:4]}
            for i in range(10, 10 * lines + 10, 10)
        ],
        evaluation_lines=[
            {"step": i}
            | {name: random.uniform() for name in ("frechet", "precision", "wasserstein_gap")}
            | {"critic_loss_train": 1.0, "critic_loss_held_out": 2.0}
            | {"norm_q05": 0.5, "norm_median": 1, "norm_q95": 2}
            for i in range(30, 30 * scores + 30, 30)
        ],
        protocol=PROTOCOL,
        baseline={"frechet": 1.5, "precision": float("nan")},
        sample_files=samples,
    )


def report(folder, contents):
    file = folder / "report.html"
    write_report(file, contents)
    assert not [*folder.glob(".*")]
    return file


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return report(folder, contents_of(folder)._replace(interpolation=np.zeros((3, 5, 8, 8, 1), np.uint8)))


def test_the_page_shows_all_contents(file):
    page = Page(file.read_text())
    cells = page.cells()
    assert {"12.333 ± 0.252", "1.500", "in float64", "k = 3", "7.125"} <= {*cells}
    assert {"359", "358", "held_out", "0, 1, 2", "pixels", SHA} <= {*cells}
    assert {"1,500", "96,000", "5 min 0 s"} <= {*cells}  # critic steps, images, time
    assert {"gan.critic_optimizer", "learning_rate", "0.0001", "3.11.2", "1 cpu (cpu)"} <= {*cells}
    assert {"Losses", "Wasserstein estimate, training minus held-out", "Critic", "own <measurement>"} <= {*cells}
    # In the order of the metrics, and others behind them, for training and for held-out data.
    rows = [cells.index(title, cells.index("per sample")) for title in ("Wasserstein estimate", "Gradient norm")]
    assert rows == sorted(rows)
    assert cells[rows[1] : rows[1] + 3] == ["Gradient norm", "score per pixel", "train"]
    assert "Unmeasured, training minus held-out" not in cells
    assert [cells.count(title) for title in ("Scores", "Interpolation", "Scores over time")] == [2, 2, 2]  # and links
    pictures = [attributes for tag, attributes in page.found if tag == "img"]
    assert len(pictures) == 13
    assert [picture["alt"] for picture in pictures if "hidden" not in picture] == [
        "Samples at iteration 280",
        "3 paths through the latent space, 5 samples along each",
    ]
    assert sum(tag == "svg" for tag, _ in page.found) == 9
    assert cells.count("real data") == 2  # the table's column, and one of two curves


def test_the_page_needs_nothing_but_itself(file):
    text = file.read_text()
    page = Page(text)
    assert not re.search(r"https?://|@import|url\((?!#)", text)
    assert "<script>alert" not in text
    for tag, attributes in page.found:
        assert tag not in ("iframe", "object", "embed")
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith(("#", "data:"))
    assert len(page.ids) == len({*page.ids})
    used = {*re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', text)}
    assert {one or other for one, other in used} <= {*page.ids}
    assert len(text) < 600_000


@pytest.mark.parametrize("lines", [0, 1])
def test_a_page_of_little(tmp_path, lines):
    contents = contents_of(tmp_path, lines=lines, scores=0, shape=(2,), pictures=lines)
    contents = contents._replace(environment={}, protocol={}, baseline={})
    page = Page(report(tmp_path, contents).read_text())
    assert ("Training" in page.text) == bool(lines)
    assert not {"Scores over time", "Interpolation", "Environment"} & {*page.text}
    assert sum(tag == "img" for tag, _ in page.found) == lines


def test_a_run_without_scores_has_a_page(tmp_path):
    page = Page(report(tmp_path, ReportContents("run", "digits · GAN", {"seed": 0}, metrics=METRICS)).read_text())
    assert "Settings" in page.text
    assert not {"Scores", "Diagnostics", "Training"} & {*page.text}


def test_what_chose_the_checkpoint_is_told(tmp_path):
    contents = contents_of(tmp_path, lines=0, scores=0, pictures=0)
    chosen = contents._replace(evaluation={**contents.evaluation, "chosen_by": "frechet on the same held-out data"})
    cells = Page(report(tmp_path, chosen).read_text()).cells()
    assert cells[cells.index("chosen by") + 1] == "frechet on the same held-out data"
    assert "chosen by" not in Page(report(tmp_path, contents).read_text()).cells()


def test_missing_numbers_are_left_out(tmp_path):
    contents = contents_of(tmp_path, scores=0, pictures=0)._replace(
        training_lines=[{"step": 1, "wasserstein": 1.0}, {"step": 2, "wasserstein": float("inf")}],
        evaluation_lines=[{"step": 9, "frechet": float("nan")}, {"step": 18, "frechet": None}],
    )
    page = Page(report(tmp_path, contents).read_text())
    assert sum(tag == "svg" for tag, _ in page.found) == 1


def test_scores_of_another_protocol_are_told(tmp_path):
    contents = contents_of(tmp_path, lines=0, scores=1, pictures=0)
    text = report(tmp_path, contents._replace(protocol=PROTOCOL | {"n_fake": 100})).read_text()
    assert "unlike the scores above with n_fake 100." in text
    assert text.count('class="dashed"') == 1
    assert "unlike the scores above" not in report(tmp_path, contents).read_text()


def test_real_samples_stand_beside_those_drawn(tmp_path):
    real = np.zeros((12, 8, 8, 1), np.uint8)
    page = Page(report(tmp_path, contents_of(tmp_path, pictures=1)._replace(real=real)).read_text())
    assert [attributes["alt"] for tag, attributes in page.found if tag == "img"] == [
        "Samples at iteration 0",
        "Real data",
    ]


def test_what_made_a_run_is_told(tmp_path):
    environment = {"python": "3.11", "command": "gan-jax train digits", "git_commit": "abc with changes"}
    settings = {"gan": {"penalty": {"name": "r1", "weight": 0.5, "every": 16}}}
    contents = contents_of(tmp_path)._replace(environment=environment, settings=settings)
    cells = Page(report(tmp_path, contents).read_text()).cells()
    told = {
        "command": "gan-jax train digits",
        "commit": "abc with changes",
        "penalty": "r1, weight 0.5, every 16th step",
    }
    for name, value in (told | {"penalty": "r1, weight 0.5, every 16th step"}).items():
        assert cells[cells.index(name) + 1] == value
    assert "git_commit" not in cells


@pytest.mark.parametrize(
    ("penalty", "words"),
    [
        ({"name": "r1", "weight": {"first": 1.0, "last": 0.3, "images": 9}}, "r1, weight 1 to 0.3"),
        ({"name": "none", "weight": None}, "none"),
        ({"name": {"own": "mine"}}, "of the experiment's own"),
    ],
)
def test_the_penalty_is_named(penalty, words):
    assert penalty_in_words({"gan": {"penalty": penalty}}) == {"penalty": words}
    assert penalty_in_words({"distill": {"gan": {"penalty": penalty}}}) == {"penalty": words}
    assert penalty_in_words({"vae": {"beta": 1.0}}) == {}


def of(**scores):
    return {"scores": {name: {"mean": mean, "baseline": real} for name, (mean, real) in scores.items()}}


def knowing(train, held_out):
    parts = {"train": train, "held_out": held_out}
    return {"diagnostics": {part: {"wasserstein": {"mean": value}} for part, value in parts.items()}}


@pytest.mark.parametrize(
    ("evaluation", "kind", "words"),
    [
        (
            of(precision=(0.9, 0.9)) | knowing(0.99, 0.12),
            "warning",
            "estimate of 0.99 on it against 0.12",
        ),
        (of(precision=(0.9, 0.9)) | knowing(0.5, -0.1), "warning", "by heart"),
        (of(precision=(0.9, 0.9)) | knowing(0.05, 0.0), "good", "precision 0.90"),
        ({"modes": {"hit": 5, "of": 8, "high_quality": 0.9}}, "bad", "find 5 of 8"),
        ({"modes": {"hit": 8, "of": 8, "high_quality": 0.3}}, "bad", "30% are near one"),
        ({"modes": {"hit": 8, "of": 8, "high_quality": 0.9}}, "good", "8 of 8 modes"),
        (of(recall=(0.2, 0.9), precision=(0.7, 0.7)), "bad", "a part of the data only: recall 0.20"),
        (of(precision=(0.2, 0.9), recall=(0.2, 0.9)), "bad", "unlike the data"),
        (of(precision=(0.6, 0.9), recall=(0.9, 0.9)), "warning", "fall short"),
        (of(copied=(0.2, 0.01)), "bad", "copies of training data: 20.0%"),
        (of(precision=(0.9, float("nan"))), "unknown", "Nothing has been measured"),
    ],
)
def test_one_sentence_says_what_is_wrong(evaluation, kind, words):
    found = verdict(evaluation, [{"step": 3, "penalty": 1.0}])
    assert found.kind == kind
    assert words in found.text


def test_a_run_that_diverged_is_told_before_all_else():
    found = verdict(of(precision=(0.9, 0.9)), [{"step": 1, "penalty": 1.0}, {"step": 2000, "penalty": float("nan")}])
    assert found == ("bad", "The run has diverged: at iteration 2,000 penalty is not finite.")


def test_several_runs_share_a_page(tmp_path):
    one, other = contents_of(tmp_path, pictures=2), contents_of(tmp_path, lines=20, pictures=1)
    write_report(tmp_path / "both.html", one, other._replace(name="other"))
    text = (tmp_path / "both.html").read_text()
    page = Page(text)
    assert len(page.ids) == len({*page.ids})
    assert {"side-by-side", "run-a", "run-b", "a-scores", "b-scores", "a-time", "b-time"} <= {*page.ids}
    cells = page.cells()
    assert cells[cells.index("frechet \N{DOWNWARDS ARROW}") + 1 :][:2] == ["12.333 ± 0.252"] * 2
    assert cells[cells.index("iterations") + 1 :][:2] == ["300", "200"]
    assert text.count("over iterations") > 2 * 9  # and the curves of both


def test_scores_of_two_protocols_are_not_side_by_side(tmp_path):
    one = contents_of(tmp_path, pictures=0)
    other = one._replace(evaluation=one.evaluation | {"protocol": PROTOCOL | {"n_fake": 5}})
    write_report(tmp_path / "both.html", one, other)
    assert "frechet \N{DOWNWARDS ARROW}" not in Page((tmp_path / "both.html").read_text()).cells()


SPY = """<script>
addEventListener("load", () => {
  const body = document.body.dataset, film = document.querySelector(".film"), range = film.querySelector("input");
  body.images = [...document.images].filter(image => image.complete && image.naturalWidth > 40).length;
  body.slider = !range.hidden && film.dataset.shown;
  range.value = 0;
  range.dispatchEvent(new Event("input"));
  body.shown = [...film.querySelectorAll("img:not([hidden])")].map(image => image.alt) + ", " +
    film.querySelector("output").value;
  body.drawn = [...document.querySelectorAll("svg")].filter(svg => svg.getBoundingClientRect().width > 100).length;
});
</script></body>"""


@pytest.mark.skipif(not BROWSER, reason="no browser")
def test_a_browser_shows_the_page(file, tmp_path):
    page, errors = tmp_path / "page.html", "<head><script>onerror = text => { document.title = text; };</script>"
    page.write_text(file.read_text().replace("<head>", errors).replace("</body>", SPY))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    options += ["--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command = [BROWSER, *options, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000", "--dump-dom"]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=60)
    [body] = [attributes for tag, attributes in Page(done.stdout).found if tag == "body"]
    assert body == {
        "data-images": "13",
        "data-slider": "11",
        "data-shown": "Samples at iteration 0, 0",
        "data-drawn": "9",
    }
    assert "<title>run</title>" in done.stdout
