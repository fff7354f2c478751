"""The palette: colors that are told apart, on light and on dark pages."""

from itertools import combinations

import pytest

from gan_jax.figures.palette import CURVES, ON_DARK


def lightness(color):
    """Relative luminance, 0 to 1 (WCAG)."""
    levels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return sum(weight * level for weight, level in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_each_color_has_a_lighter_one_for_dark_pages():
    assert CURVES.keys() == ON_DARK.keys()
    for name, color in CURVES.items():
        assert lightness(ON_DARK[name]) > lightness(color), name


@pytest.mark.parametrize("colors", [CURVES, ON_DARK], ids=["light", "dark"])
def test_no_two_colors_are_near(colors):
    for one, two in combinations(colors.values(), 2):
        apart = [abs(int(one[place : place + 2], 16) - int(two[place : place + 2], 16)) for place in (1, 3, 5)]
        assert sum(apart) > 80, (one, two)
