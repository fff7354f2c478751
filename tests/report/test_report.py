"""The report of a run: what it says, that it needs nothing but itself, and that a browser shows it."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.figures.samples import save_samples
from gan_jax.report import write_report
from gan_jax.runs.experiment import Experiment
from gan_jax.runs.settings import to_json

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
VOID = {"meta", "link", "img", "input", "br"}
SHA = "0123456789abcdef" * 4
PROTOCOL = {
    "data": "digits",
    "data_sha256": SHA,
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


def write_run(folder, *, lines=30, scores=10, shape=(8, 8, 1), pictures=15):
    """What a run and `gan-jax evaluate` leave, made up."""
    random = np.random.default_rng(0)
    (folder / "samples").mkdir(parents=True)
    settings = to_json(Experiment()) | {"image_shape": shape, "data_sha256": SHA, "gan_jax": "0.0.1"}
    settings["data"]["source"] = "<script>alert('mine')</script>"
    save(folder / "experiment.json", settings)
    save(folder / "environment.json", {"python": "3.11.2", "devices": "1 cpu (cpu)"})
    save(folder / "protocol.json", PROTOCOL | {"baseline": {"frechet": 1.5, "precision": float("nan")}})
    names = ["wasserstein", "critic_loss", "penalty", "slope", "critic_total", "generator_loss"]
    names += ["critic_param_grad_norm", "generator_param_grad_norm"]
    write_lines(
        folder / "metrics.jsonl",
        [
            {"step": i, "critic_steps": 5 * i, "generator_steps": i, "images": 320 * i, "images_per_s": 320.0}
            | {name: 3 * np.exp(-i / 100) + random.uniform() for name in names}
            for i in range(10, 10 * lines + 10, 10)
        ],
    )
    names = ["frechet", "precision", "critic_loss_train", "critic_loss_held_out", "critic_gap"]
    write_lines(
        folder / "scores.jsonl",
        [
            {"step": i}
            | {name: random.uniform() for name in names}
            | {"slope_q05": 0.5, "slope_median": 1, "slope_q95": 2}
            for i in range(30, 30 * scores + 30, 30)
        ],
    )
    value = {"values": [12.1, 12.3, 12.6], "baseline": 1.5, "mean": 12.333, "sd": 0.252, "good": "low"}
    critic = {
        name: dict.fromkeys(["mean", "sd", "q05", "median", "q95"], 1.0) | {"max": 7.125}
        for name in ("wasserstein", "gradient_norm_at_real", "gradient_norm_at_fake", "gradient_norm_at_points")
    }
    metrics = {
        "samples": "run",
        "protocol": PROTOCOL | {"settings": {"frechet": "in float64", "precision_recall": "k = 3"}},
        "seeds": [0, 1, 2],
        "scores": {"frechet": value, "precision": value | {"sd": None, "baseline": float("nan"), "good": "high"}},
        "step": 10 * lines,
        "critic": {"train": critic, "held_out": critic},
    }
    save(folder / "metrics.json", metrics)
    for i in range(pictures):
        samples = random.integers(0, 256, (100, *shape), np.uint8) if len(shape) == 3 else random.normal(size=(50, 2))
        save_samples(folder / "samples" / f"step_{20 * i:08d}.png", samples)
    return folder


def save(file, value):
    file.write_text(json.dumps(value))


def write_lines(file, lines):
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def report(folder, interpolation=None):
    file = folder.parent / "report.html"
    write_report(file, folder, interpolation=interpolation)
    assert not list(folder.parent.glob("*.part"))
    return file


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def file(run):
    return report(run, np.zeros((3, 5, 8, 8, 1), np.uint8))


def test_the_page_says_all_that_is_known(file):
    page = Page(file.read_text())
    cells = page.cells()
    assert {"12.333 ± 0.252", "1.500", "in float64", "k = 3", "7.125"} <= {*cells}
    assert {"359", "358", "held_out", "0, 1, 2", "pixels", SHA} <= {*cells}
    assert {"1,500", "96,000", "5 min 0 s"} <= {*cells}  # critic steps, images, time
    assert {"gan.critic_optimizer", "learning_rate", "0.0001", "3.11.2", "1 cpu (cpu)"} <= {*cells}
    assert "Losses" in cells
    assert "Critic's gap, training minus held-out" in cells
    assert [cells.count(title) for title in ("Scores", "Interpolation", "Scores over time")] == [2, 2, 2]  # and links
    pictures = [attributes for tag, attributes in page.found if tag == "img"]
    assert len(pictures) == 13
    assert [picture["alt"] for picture in pictures if "hidden" not in picture] == [
        "Samples at iteration 280",
        "3 paths through the latent space, 5 samples along each",
    ]
    assert sum(tag == "svg" for tag, _ in page.found) == 11
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
    folder = write_run(tmp_path / "run", lines=lines, scores=0, shape=(2,), pictures=lines)
    for name in ("scores.jsonl", "protocol.json", "environment.json"):
        (folder / name).unlink()
    page = Page(report(folder).read_text())
    assert ("Training" in page.text) == bool(lines)
    assert not {"Scores over time", "Interpolation"} & {*page.text}
    assert "not recorded" in page.text
    assert sum(tag == "img" for tag, _ in page.found) == lines


def test_missing_numbers_are_left_out(tmp_path):
    folder = write_run(tmp_path / "run", scores=0, pictures=0)
    write_lines(folder / "metrics.jsonl", [{"step": 1, "wasserstein": 1.0}, {"step": 2, "wasserstein": float("inf")}])
    (folder / "scores.jsonl").write_text('{"step": 9, "frechet": NaN}\n{"step": 18, "frechet": null}\n{"step": 1')
    page = Page(report(folder).read_text())
    assert sum(tag == "svg" for tag, _ in page.found) == 1


def test_scores_taken_otherwise_say_so(tmp_path):
    folder = write_run(tmp_path / "run", lines=0, scores=1, pictures=0)
    save(folder / "protocol.json", PROTOCOL | {"n_fake": 100, "baseline": {"frechet": 1.5}})
    text = report(folder).read_text()
    assert "unlike the scores above with n_fake 100." in text
    assert text.count('class="dashed"') == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [("metrics.json", None), ("metrics.json", '{"precision": 1}'), ("metrics.json", "{"), ("experiment.json", "[]")],
)
def test_a_folder_that_cannot_be_reported_is_one_line(tmp_path, name, text):
    folder = write_run(tmp_path / "run", lines=1, pictures=0)
    (folder / name).unlink() if text is None else (folder / name).write_text(text)
    with pytest.raises(InputError, match=rf"^.*{name}.*$"):
        report(folder)


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
        "data-drawn": "11",
    }
    assert "<title>run</title>" in done.stdout
