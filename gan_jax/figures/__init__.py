"""Figures: grids of images, scatter plots of points, curves over iterations, comparisons; and their colors."""
