"""How good samples are: pure functions of feature vectors, which `gan_jax.evaluation.features` extracts from images.

`frechet`, `kernel`, `sliced` and `manifold` compare generated with real samples. `inception_score` and `diversity` need
the generated ones alone, `modes` the modes of the data, `memorization` training and held-out data.
"""
