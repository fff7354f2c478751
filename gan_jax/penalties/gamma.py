"""A weight to begin with for the penalties R1 and R2, which papers give by data set."""

__all__ = ["suggested_gamma"]


def suggested_gamma(shape: tuple[int, int, int], batch_size: int) -> float:
    """Return `0.0002 H W / batch_size`, the gamma that StyleGAN2-ADA's authors try first for images (H, W, C).

    R1 is then `gamma / 2 E||g||^2`, g the critic's gradient at images in [-1, 1]: more pixels and smaller batches ask
    for more. It is a rule for StyleGAN2's critic; its authors try a tenth and ten times as much as well, and other
    critics may want a thousand times as much.

    Source: Karras et al. (2020), Training generative adversarial networks with limited data (their code's "auto").

    >>> round(suggested_gamma((256, 256, 3), batch_size=32), 4)
    0.4096
    """
    height, width, _ = shape
    return 0.0002 * height * width / batch_size
