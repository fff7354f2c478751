"""How good samples are: pure functions on feature vectors (`manifold`), and what makes them of images (`features`)."""
