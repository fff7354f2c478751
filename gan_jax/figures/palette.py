"""Colors that color-blind readers can tell apart.

Source: Okabe, Ito (2008), Color universal design: how to make figures and presentations that are friendly to colorblind
people.
"""

__all__ = ["BLUE", "CURVES", "GRAY", "GREEN", "ON_DARK", "ORANGE", "PURPLE", "SKY", "VERMILION"]

BLUE = "#0072b2"
VERMILION = "#d55e00"
GREEN = "#009e73"
PURPLE = "#cc79a7"
ORANGE = "#e69f00"
SKY = "#56b4e9"
GRAY = "#888888"

CURVES = {"blue": BLUE, "vermilion": VERMILION, "green": GREEN, "purple": PURPLE, "orange": ORANGE, "sky": SKY}
"""The colors of a plot's curves, in order."""

ON_DARK = {
    "blue": "#56b4e9",
    "vermilion": "#f0803c",
    "green": "#2fc79c",
    "purple": "#dd94bb",
    "orange": "#f2c14e",
    "sky": "#b5e0fa",
}
"""Lighter colors of the same names, for dark backgrounds."""
