"""Scores that were not taken alike are not put side by side."""

from dataclasses import fields, replace

import pytest

from gan_jax.errors import InputError
from gan_jax.evaluation import Protocol, same_protocol

PROTOCOL = Protocol("digits", "ab" * 32, "held_out", 360, 360, 300, "digits", "cd" * 32, "28x28, bilinear", 0)


def test_one_protocol_is_shared():
    assert same_protocol({"a": PROTOCOL, "b": replace(PROTOCOL)}) == PROTOCOL


@pytest.mark.parametrize("name", [field.name for field in fields(Protocol)])
def test_any_difference_is_named(name):
    value = getattr(PROTOCOL, name)
    other = replace(PROTOCOL, **{name: value + 1 if isinstance(value, int) else "other"})
    with pytest.raises(InputError, match=f"^a and c cannot be compared: {name} is {value} and ") as error:
        same_protocol({"a": PROTOCOL, "b": PROTOCOL, "c": other})
    assert "\n" not in str(error.value)


def test_statistics_say_no_number_of_real_samples():
    line = replace(PROTOCOL, data="mine.npz", split="statistics", n_real=None, n_baseline=0).describe()
    assert line.startswith("360 samples against the statistics mine.npz abababab, features digits")


def test_one_line_describes_it():
    line = PROTOCOL.describe()
    for part in ("360", "300", "held out", "digits", "cdcdcdcd", "28x28, bilinear", "seed 0"):
        assert part in line
