"""Captions: of a folder, of TFDS, composed of what is measured; the way to the batches; one line for bad input."""

import io
import json
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from gan_jax.data import Dataset, from_arrays, read, resident, streamed, tfds
from gan_jax.data.alike import Preparation
from gan_jax.data.captioned_digits import DIGITS, measure, with_captions
from gan_jax.data.digits import read_digits
from gan_jax.data.originals import find_originals
from gan_jax.data.pipeline import step_keys
from gan_jax.data.preparation import prepare
from gan_jax.data.vocabulary import LONGEST, Vocabulary, vocabulary_of
from gan_jax.errors import InputError
from gan_jax.tokenizer import split_words

RNG = np.random.default_rng(0)
TESTS = Path(__file__).parents[1]
CAPTIONS = (TESTS / "captions.json").read_text("utf-8")
IMAGES = RNG.integers(0, 256, (40, 4, 4, 3)).astype(np.uint8)


def caption(image):
    return f"A picture, number {image[0, 0, 0]}"


def save(folder, as_text):
    """Pictures whose first pixel is in their captions, and the captions."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(IMAGES):
        Image.fromarray(image).save(folder / f"{i:03}.png")
        if as_text:
            (folder / f"{i:03}.txt").write_text(f"{caption(image)}\n")
    if not as_text:
        lines = [{"file_name": f"{i:03}.png", "text": caption(image)} for i, image in enumerate(IMAGES)]
        (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder


def check(data: Dataset, count=40):
    """That each image has its own caption, in either part."""
    assert data.vocabulary is not None
    assert len(data.train) + len(data.held_out) == count
    for source in (data.train, data.held_out):
        arrays = source.batch(slice(None))
        assert arrays["tokens"].dtype == np.int32
        assert arrays["tokens"].shape[1] == data.spec["tokens"].shape[0] == data.vocabulary.length
        expected = data.vocabulary([caption(image) for image in arrays["sample"]])
        np.testing.assert_array_equal(arrays["tokens"], expected)


@pytest.mark.parametrize("as_text", [True, False])
def test_a_folder_has_captions_beside_its_pictures_or_in_lines(tmp_path, as_text):
    folder = save(tmp_path / "raw", as_text)
    (folder / "LICENSE.txt").write_text("free")
    check(read(str(folder)))
    out = tmp_path / "out"
    prepare(find_originals(folder), out, Preparation(), source="raw", processes=1)
    check(read(str(out)))


def test_captions_may_be_of_splits_and_beside_classes(tmp_path):
    for split in ("train", "test"):
        save(tmp_path / split / "cat", as_text=True)
        save(tmp_path / split / "dog", as_text=True)
    data = read(str(tmp_path))
    check(data, 160)
    assert data.classes == ("cat", "dog")
    assert data.train.batch(slice(0, 1)).keys() == {"sample", "label", "tokens"}


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        ("", r"metadata.jsonl: holds no captions"),
        ('{"file_name": "000.png", "text": "a"}', r"39 of 40 pictures have no caption in .*, the first is .*001.png"),
        ('{"file_name": "none.png", "text": "a"}', r"40 of 40 pictures have no caption"),
        ('{"file": "000.png", "text": "a"}', r"metadata.jsonl: line 1 is not as .*file_name"),
        ("a cat", r"metadata.jsonl: line 1 is not as"),
        ('{"file_name": "000.png", "text": 3}', r"line 1 is not as .*must be strings"),
        (
            '{"file_name": "000.png", "text": "a"}\n\n{"file_name": "000.png", "text": "b"}',
            r"line 3 is of 000.png",
        ),
    ],
)
def test_lines_that_do_not_fit_are_one_line(tmp_path, lines, match):
    folder = save(tmp_path, as_text=False)
    (folder / "metadata.jsonl").write_text(lines)
    with pytest.raises(InputError, match=match) as error:
        read(str(folder))
    assert "\n" not in str(error.value)


def test_a_caption_too_many_or_too_few_is_one_line(tmp_path):
    folder = save(tmp_path, as_text=True)
    (folder / "more.txt").write_text("a more")
    with pytest.raises(InputError, match=r"more: has a caption in NAME.txt and no picture"):
        read(str(folder))
    (folder / "more.txt").unlink()
    (folder / "007.txt").write_text("  \n")
    with pytest.raises(InputError, match=r"007.png: its caption in NAME.txt is empty"):
        read(str(folder))
    (folder / "007.txt").unlink()
    with pytest.raises(InputError, match=r"1 of 40 pictures have no caption in NAME.txt, the first is .*007.png"):
        read(str(folder))
    (folder / "007.txt").write_text("very " * 80)
    with pytest.raises(InputError, match=r"has 80 words, at most 76 are read"):
        read(str(folder))
    Image.fromarray(IMAGES[0]).save(folder / "007.jpg")
    with pytest.raises(InputError, match=r"007.*: another picture has its name"):
        read(str(folder))


@pytest.mark.filterwarnings("ignore")  # TFDS's own
def test_tfds_features_of_text_are_captions(tmp_path):
    import tensorflow_datasets

    class Captioned(tensorflow_datasets.core.GeneratorBasedBuilder):
        VERSION = tensorflow_datasets.core.Version("1.0.0")

        def _info(self):
            of = tensorflow_datasets.features
            features = of.FeaturesDict({"image": of.Image(shape=(None, None, 3)), "caption": of.Text()})
            return tensorflow_datasets.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, _):
            return {"train": self._generate_examples(0, 30), "test": self._generate_examples(30, 40)}

        def _generate_examples(self, start, stop):
            for i in range(start, stop):
                file = io.BytesIO()
                Image.fromarray(IMAGES[i]).save(file, format="PNG")
                file.seek(0)
                yield i, {"image": file, "caption": caption(IMAGES[i])}

    Captioned(data_dir=tmp_path, file_format="array_record").download_and_prepare()
    check(read("captioned", tmp_path))


def test_of_several_captions_the_first_is_taken():
    """As COCO has them; an image without any is one line."""
    several = {"id": np.arange(2), "text": np.array([b"a cat", b"a dog"], object)}
    assert tfds._caption(several, "coco: image 0") == tfds._caption(b"a cat", "coco: image 0") == "a cat"
    for none in (b" ", "", np.array([], object)):
        with pytest.raises(InputError, match=r"coco: image 7 has no caption"):
            tfds._caption(none, "coco: image 7")


@pytest.mark.slow
def test_digits_are_described_by_what_is_measured_of_them():
    data = with_captions(read_digits())
    vocabulary = data.vocabulary
    assert vocabulary is not None
    train = data.train.batch(slice(None))
    said = vocabulary.captions(train["tokens"])
    assert said == vocabulary.captions(with_captions(read_digits()).train.batch(slice(None))["tokens"])
    assert said != vocabulary.captions(with_captions(read_digits(), seed=1).train.batch(slice(None))["tokens"])
    assert all(DIGITS[label] in words for label, words in zip(train["label"], said, strict=True))
    values = measure(train["sample"])
    for words, measured in (("thin thick", values.stroke), ("small large", values.size), ("left right", values.lean)):
        low, high = ([measured[i] for i in np.flatnonzero(train["label"] == 3) if w in said[i]] for w in words.split())
        assert len(low) > 10
        assert max(low) < min(high)


def test_lean_is_to_the_right_where_the_top_is():
    right = np.zeros((1, 9, 9, 1), np.uint8)
    for i in range(9):
        right[0, i, 8 - i] = 255
    both = np.concatenate([right, right[:, :, ::-1]])
    np.testing.assert_allclose(measure(both).lean, [1, -1], atol=1e-6)


def test_clips_tokenizer_makes_the_same_of_a_caption_and_of_its_words():
    captions = [each for each in json.loads(CAPTIONS) if len(list(split_words(each))) <= LONGEST]
    vocabulary = vocabulary_of(captions)
    words = vocabulary.captions(vocabulary(captions))
    for caption, again in zip(captions, words, strict=True):
        assert list(split_words(again)) == list(split_words(caption))


def test_batches_carry_captions_resident_and_streamed():
    vocabulary = Vocabulary(("a", "b"), length=3)
    rows = np.stack([vocabulary([("a", "b", "a b", "")[i % 4]])[0] for i in range(12)])
    arrays = {"sample": np.arange(12, dtype=np.float32)[:, None], "tokens": rows}
    data = from_arrays(arrays, arrays, vocabulary=vocabulary)
    key, found = jax.random.key(3), []
    for pipeline in (resident(data.train, size=5), streamed(data.train, key, size=5, max_iterations=2)):
        batch = pipeline.batch(pipeline.fetch(4, 6), step_keys(key, 5)[0], 5)
        assert pipeline.spec["tokens"] == jax.ShapeDtypeStruct((3,), np.int32)
        np.testing.assert_array_equal(batch["tokens"], rows[np.asarray(batch["sample"][:, 0]).astype(int)])
        found.append(batch)
        pipeline.close()
    np.testing.assert_array_equal(found[0]["tokens"], found[1]["tokens"])
