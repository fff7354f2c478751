"""Parts of a data set: of one class, and a fraction."""

import numpy as np

from gan_jax import DataConfig, from_arrays
from gan_jax.data.dataset import only_class, subsample

IMAGES = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
LABELS = (np.arange(40) % 4).astype(np.int32)
DATA = from_arrays({"sample": IMAGES, "label": LABELS}, {"sample": IMAGES[:8], "label": LABELS[:8]}, classes=("a",) * 4)


def test_a_fraction_is_drawn_once_and_lies_in_every_larger_one():
    found = {part: set(subsample(DATA, part).train.batch(slice(None))["sample"].ravel()) for part in (0.01, 0.25, 0.5)}
    assert [len(samples) for samples in found.values()] == [1, 10, 20]
    assert found[0.01] <= found[0.25] <= found[0.5]
    assert found[0.25] != set(range(10))
    part = subsample(DATA, 0.25)
    both = part.train.batch(slice(None))
    np.testing.assert_array_equal(both["label"], both["sample"].ravel() % 4)
    assert part.held_out is DATA.held_out
    assert part.train.fingerprint == subsample(DATA, 0.25).train.fingerprint != subsample(DATA, 0.5).train.fingerprint


def test_a_configuration_reads_the_fraction_it_names():
    assert len(DataConfig(source=DATA, fraction=0.5).read().train) == 20
    assert DataConfig(source=DATA).read() is DATA


def test_one_class_is_of_both_parts():
    part = only_class(DATA, 3)
    for source in (part.train, part.held_out):
        assert set(source.batch(slice(None))["label"]) == {3}
    assert (len(part.train), len(part.held_out)) == (10, 2)
