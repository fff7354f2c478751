"""The words of a data set's captions, and captions as rows of their numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gan_jax.errors import InputError, nearest
from gan_jax.tokenizer import split_words

__all__ = ["LONGEST", "Vocabulary", "vocabulary_of"]

LONGEST = 76
"""Words of a caption, at most; with the end, as long as CLIP's."""

_CLOSE = ",.;:!?)'"  # signs that follow a word without a space


@dataclass(frozen=True)
class Vocabulary:
    """Maps captions to int32 (N, `length`): the numbers of their words from 1, then the end, then 0.

    The end is the largest number, as CLIP's text tower takes it to be. Words are those of CLIP's tokenizer before it
    takes them apart (`gan_jax.tokenizer.split_words`), so that it makes the same of a caption and of the words joined.

    Attributes:
      words: in the order of their numbers.
      length: of the rows.

    >>> vocabulary = Vocabulary(("a", "seven", "thin"), length=4)
    >>> vocabulary(["A thin seven", ""]).tolist(), vocabulary.size
    ([[1, 3, 2, 4], [4, 0, 0, 0]], 5)
    >>> vocabulary.captions(vocabulary(["A thin seven"]))
    ['a thin seven']
    >>> vocabulary(["a thin sevn"])
    Traceback (most recent call last):
    gan_jax.errors.InputError: 'sevn' is no word of the captions; did you mean seven?
    """

    words: tuple[str, ...]
    length: int

    @property
    def end(self) -> int:
        """The number that ends each row's caption."""
        return len(self.words) + 1

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return len(self.words) + 2

    def __call__(self, captions: Iterable[str]) -> np.ndarray:
        """Return a row for each caption.

        Raises:
          InputError: a word is none of the vocabulary's, or a caption is longer than the rows.
        """
        rows = [self._row(caption) for caption in captions]
        return np.array(rows, np.int32).reshape(-1, self.length)

    def captions(self, rows: np.ndarray) -> list[str]:
        """Return the words of rows, in lower case."""
        told = [[self.words[i - 1] for i in row if 0 < i < self.end] for row in np.asarray(rows).tolist()]
        return ["".join(word if word[0] in _CLOSE else f" {word}" for word in words).strip() for words in told]

    def _row(self, caption: str) -> list[int]:
        found = []
        for word in split_words(caption):
            if word not in self._numbers:
                raise InputError(f"{word!r} is no word of the captions{nearest(word, self.words)}")
            found.append(self._numbers[word])
        if len(found) >= self.length:
            raise InputError(f"{caption!r} has {len(found)} words, more than the {self.length - 1} of the captions")
        return [*found, self.end] + [0] * (self.length - 1 - len(found))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words, 1)}


def vocabulary_of(captions: Iterable[str]) -> Vocabulary:
    """Return the words of captions in alphabetical order, in rows of the longest caption's length.

    Raises:
      InputError: a caption has more than `LONGEST` words.

    >>> vocabulary_of(["a seven", "a thin, thin seven"])
    Vocabulary(words=(',', 'a', 'seven', 'thin'), length=6)
    """
    words, longest = set(), 0
    for caption in captions:
        found = list(split_words(caption))
        if len(found) > LONGEST:
            raise InputError(f"{caption[:40]!r}... has {len(found)} words, at most {LONGEST} are read; shorten it")
        words.update(found)
        longest = max(longest, len(found))
    return Vocabulary(tuple(sorted(words)), longest + 1)
