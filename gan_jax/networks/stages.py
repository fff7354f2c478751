"""The sizes and features of networks that halve or double an image evenly, stage by stage."""

from gan_jax.errors import InputError

__all__ = ["stages"]


def stages(
    shape: tuple[int, ...], *, depth: int, width: int, max_width: int | None = None, patch: int = 1
) -> tuple[tuple[int, int], list[int]]:
    """Return the size of the smallest image, and the features of each size, from the largest to the smallest.

    Takes the shape of an image, how often it is halved, the features at its own size, which are doubled at each smaller
    one up to `max_width`, and the side of the patches that it is cut into before.

    Raises:
      InputError: it is no image, or its sides do not halve evenly so often.

    >>> stages((32, 48, 3), depth=3, width=64, max_width=256)
    ((4, 6), [64, 128, 256, 256])
    """
    whole = patch << depth
    if len(shape) != 3 or shape[0] % whole or shape[1] % whole:
        patches = f" after patches of {patch}" if patch > 1 else ""
        raise InputError(
            f"depth {depth} halves the image {depth} times{patches} and needs (H, W, C) with sides that are multiples "
            f"of {whole}, got {shape}; choose a smaller depth, or dcgan, which takes any size"
        )
    size = shape[0] // whole, shape[1] // whole
    return size, [min(width << stage, max_width or width) for stage in range(depth + 1)]
