"""How good samples are: pure functions on feature vectors (`manifold`), and what turns images into them (`features`)."""
