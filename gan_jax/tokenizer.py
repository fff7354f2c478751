"""CLIP's tokenizer: captions to rows of tokens, by the pairs of bytes that are merged, which a file lists."""

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from unicodedata import category, normalize

import numpy as np

from gan_jax.errors import InputError
from gan_jax.files import expand_user, read_json_entries

__all__ = ["Tokenizer", "read_tokenizer", "split_words"]

_START, _END = "<|startoftext|>", "<|endoftext|>"
_WHOLE = (_START, _END, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
_WORD_END = "</w>"
_OPEN_CLIP_MERGES = 48_894  # of the pairs in OpenAI's file, those in use
_NO_SPACE = "\x1c\x1d\x1e\x1f"  # spaces for Python, which Unicode does not call so


def _byte_letters() -> dict[int, str]:
    """A letter that can be seen for each byte: its own, or one of those behind the 256."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in seen]
    return {byte: chr(byte) for byte in seen} | {byte: chr(256 + i) for i, byte in enumerate(others)}


_LETTERS = _byte_letters()


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """Maps captions to int32 (N, `length`): the start, the tokens, the end, and `pad` up to the length.

    Longer captions are cut off before the end. Captions are in Unicode's form NFC and in lower case, each run of spaces
    is one, a word ends where letters, single digits and other signs meet, and a word's bytes are merged pair by pair.

    Source: Sennrich, Haddow, Birch (2016), Neural machine translation of rare words with subword units; Radford et al.
    (2021), Learning transferable visual models from natural language supervision. As `transformers.CLIPTokenizer`.

    Attributes:
      vocabulary: numbers of tokens by their letters.
      ranks: of the pairs that are merged, the first first.
      pad: the token behind the end; the end itself, or 0 for Stable Diffusion 2 and OpenCLIP.
      length: of the rows.

    >>> letters = {letter: i for i, letter in enumerate(["a", "b</w>", "ab</w>", "<|startoftext|>", "<|endoftext|>"])}
    >>> Tokenizer(letters, {("a", "b</w>"): 0}, pad=4, length=5)(["AB  ab"]).tolist()
    [[3, 2, 2, 4, 4]]
    """

    vocabulary: Mapping[str, int]
    ranks: Mapping[tuple[str, str], int]
    pad: int
    length: int = 77
    _known: dict[str, list[int]] = field(default_factory=dict, repr=False)

    def __call__(self, captions: Iterable[str]) -> np.ndarray:
        """Return a row of tokens for each caption.

        Raises:
          InputError: the vocabulary lacks a token.
        """
        return np.array([self._row(caption) for caption in captions], np.int32).reshape(-1, self.length)

    def encode(self, caption: str) -> list[int]:
        """Return the tokens of a caption, without start and end."""
        return [token for word in split_words(caption) for token in self._tokens(word)]

    def _row(self, caption: str) -> list[int]:
        tokens = [self._number(_START), *self.encode(caption)[: self.length - 2], self._number(_END)]
        return tokens + [self.pad] * (self.length - len(tokens))

    def _tokens(self, word: str) -> list[int]:
        if word not in self._known:
            parts = (word,) if word in (_START, _END) else _merged(word, self.ranks)
            self._known[word] = [self._number(part) for part in parts]
        return self._known[word]

    def _number(self, token: str) -> int:
        if token not in self.vocabulary:
            raise InputError(f"the vocabulary has no token {token!r}; give the one that the network was trained with")
        return self.vocabulary[token]


def split_words(caption: str) -> Iterator[str]:
    """Yield the words of a caption in lower case: letters or signs that follow each other, single digits, 's and 'll.

    >>> list(split_words("A Cat's  24!"))
    ['a', 'cat', "'s", '2', '4', '!']
    """
    # Letter by letter, or a sigma at the end of a word would be another one.
    text = "".join(letter.lower() for letter in normalize("NFC", caption))
    start = 0
    while start < len(text):
        whole = next((each for each in _WHOLE if text.startswith(each, start)), "")
        end, kind = start + max(len(whole), 1), _kind(text[start])
        while not whole and kind in "LS" and end < len(text) and _kind(text[end]) == kind:
            end += 1
        if kind != " ":
            yield text[start:end]
        start = end


def _kind(letter: str) -> str:
    """L for letters, N for digits, a space for spaces, S for all other signs."""
    if letter.isspace() and letter not in _NO_SPACE:
        return " "
    kind = category(letter)[0]
    return kind if kind in "LN" else "S"


def _merged(word: str, ranks: Mapping[tuple[str, str], int]) -> list[str]:
    """The tokens of a word: of its neighbours, the pair of the lowest rank is merged, wherever it is, and so on."""
    parts = [_LETTERS[byte] for byte in word.encode()]
    parts[-1] += _WORD_END
    while len(parts) > 1:
        first = min(pairwise(parts), key=lambda pair: ranks.get(pair, len(ranks)))
        if first not in ranks:
            break
        joined: list[str] = []
        for part in parts:
            if joined and (joined[-1], part) == first:
                joined[-1] += part
            else:
                joined.append(part)
        parts = joined
    return parts


def read_tokenizer(path: str | Path, *, length: int = 77) -> Tokenizer:
    """Return the tokenizer of a folder of transformers, or of open_clip's `bpe_simple_vocab_16e6.txt.gz`.

    A folder has `vocab.json` and `merges.txt`, or `tokenizer.json`; what it pads with is in its other files.

    Raises:
      InputError: there is no such file, or it is no vocabulary.
    """
    path = expand_user(path)
    if path.is_dir():
        return _read_folder(path, length)
    try:
        data = path.read_bytes()
        lines = (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a list of merges ({error})") from None
    pairs = _pairs(path, lines[: _OPEN_CLIP_MERGES + 1])
    letters = list(_LETTERS.values())
    tokens = [*letters, *(letter + _WORD_END for letter in letters), *map("".join, pairs), _START, _END]
    return Tokenizer({token: i for i, token in enumerate(tokens)}, _ranks(pairs), pad=0, length=length)


def _read_folder(folder: Path, length: int) -> Tokenizer:
    whole = folder / "tokenizer.json"
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        vocabulary = read_json_entries(folder / "vocab.json", [_START, _END])
        pairs = _pairs(folder / "merges.txt", (folder / "merges.txt").read_text("utf-8").split("\n"))
    elif whole.is_file():
        given = read_json_entries(whole, ["model"])
        model = given["model"] if isinstance(given["model"], dict) else {}
        vocabulary = model.get("vocab") or {}
        vocabulary |= {each["content"]: each["id"] for each in given.get("added_tokens") or []}
        merges = [each if isinstance(each, str) else " ".join(each) for each in model.get("merges") or []]
        pairs = _pairs(whole, merges)
    else:
        raise InputError(f"{folder}: has no vocab.json with merges.txt, and no tokenizer.json")
    if _END not in vocabulary:
        raise InputError(f"{folder}: its vocabulary has no {_END}; is it another tokenizer's?")
    pad = _pad_token(folder)
    return Tokenizer(vocabulary, _ranks(pairs), pad=vocabulary.get(pad, vocabulary[_END]), length=length)


def _pad_token(folder: Path) -> str:
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        given: Any = read_json_entries(folder / name).get("pad_token") if (folder / name).is_file() else None
        if given:
            return given["content"] if isinstance(given, dict) else given
    return _END


def _pairs(path: Path, lines: Sequence[str]) -> list[tuple[str, str]]:
    lines = lines[1:] if lines and "#version" in lines[0] else lines
    pairs = [tuple(line.split()) for line in lines if line.strip()]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise InputError(f"{path}: is no list of merges, a pair on each line")
    return pairs  # type: ignore[return-value]


def _ranks(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    return {pair: rank for rank, pair in enumerate(pairs)}
