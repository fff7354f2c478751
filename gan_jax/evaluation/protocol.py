"""What has to be the same for two scores to be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from gan_jax.errors import InputError


@dataclass(frozen=True)
class Protocol:
    """How scores were taken.

    Attributes:
      data: the real data's source.
      data_sha256: of both parts of the real data.
      split: the part that samples are compared with.
      n_real, n_fake: samples of either kind.
      n_baseline: real samples of the other part, which take the samples' place for the baseline.
      features: what the scores are taken of.
      weights: SHA-256 of the feature network's weights.
      resize: what is done to images before.
      seed: of whatever is random in choosing the real samples and in the scores.
    """

    data: str
    data_sha256: str
    split: str
    n_real: int
    n_fake: int
    n_baseline: int
    features: str
    weights: str | None
    resize: str
    seed: int

    def describe(self) -> str:
        """Return all of it in one line.

        >>> Protocol("digits", "ab" * 32, "held_out", 360, 300, 360, "pixels", None, "none", 0).describe()
        '300 samples against 360 held out of digits (baseline: 360 real), features pixels, resize none, seed 0'
        """
        weights = f" {self.weights[:8]}" if self.weights else ""
        return (
            f"{self.n_fake:,} samples against {self.n_real:,} {self.split.replace('_', ' ')} of {self.data} "
            f"(baseline: {self.n_baseline:,} real), features {self.features}{weights}, resize {self.resize}, seed {self.seed}"
        )


def same_protocol(protocols: Mapping[str, Protocol]) -> Protocol:
    """Return the one protocol of scores that are to stand side by side; each has a name.

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
