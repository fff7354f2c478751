"""Pictures: grids of images, scatter plots, curves of scores, the panels of a report; and their colours."""
