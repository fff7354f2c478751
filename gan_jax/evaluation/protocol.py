"""What has to be the same for two scores to be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from gan_jax.errors import InputError

__all__ = ["Protocol", "same_protocol"]


@dataclass(frozen=True)
class Protocol:
    """How samples were scored.

    Attributes:
      data: the name of the real data, or of the file of their statistics.
      fingerprint: hash of training and held-out data, or of that file.
      split: the part of the real data that samples are compared with, "held_out" or "train"; "statistics" of a file.
      n_real, n_fake: numbers of real and of generated samples; a file of statistics does not say that of real ones.
      n_baseline: number of real samples of the other part, which are scored for the baseline.
      features: the name of the feature network.
      weights: SHA-256 of its weights; None if it has none.
      resize: how images are resized for it.
      seed: of the choice of real samples, and of what is random in the scores.
    """

    data: str
    fingerprint: str
    split: str
    n_real: int | None
    n_fake: int
    n_baseline: int
    features: str
    weights: str | None
    resize: str
    seed: int

    def describe(self) -> str:
        """Return the protocol in one line.

        >>> Protocol("digits", "ab" * 32, "held_out", 360, 300, 360, "pixels", None, "none", 0).describe()
        '300 samples against 360 held out of digits (baseline: 360 real), features pixels, resize none, seed 0'
        """
        weights = f" {self.weights[:8]}" if self.weights else ""
        if self.n_real is None:
            real = f"the statistics {self.data} {self.fingerprint[:8]}"
        else:
            part = self.split.replace("_", " ")
            real = f"{self.n_real:,} {part} of {self.data} (baseline: {self.n_baseline:,} real)"
        return (
            f"{self.n_fake:,} samples against {real}, features {self.features}{weights}, resize {self.resize}, "
            f"seed {self.seed}"
        )


def same_protocol(protocols: Mapping[str, Protocol]) -> Protocol:
    """Return the protocol that several scores share.

    Args:
      protocols: one or more, by the name of what was scored.

    Raises:
      InputError: they differ; the message names the first difference.
    """
    (first, protocol), *others = protocols.items()
    for name, other in others:
        for field in fields(Protocol):
            one, two = getattr(protocol, field.name), getattr(other, field.name)
            if one != two:
                raise InputError(f"{first} and {name} cannot be compared: {field.name} is {one} and {two}")
    return protocol
