"""How good samples are: pure functions on feature vectors, which `gan_jax.evaluation.features` makes of images.

Whether two sets have one law: `frechet`, `kernel`, `sliced`, `manifold`. Of the samples alone, or of their origin:
`inception_score`, `diversity`, `modes`, `memorization`.
"""
