"""Tokens are those of transformers' CLIPTokenizer with CLIP's real vocabulary."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from pretrained import GOLDEN

from gan_jax.errors import InputError
from gan_jax.tokenizer import Tokenizer, read_tokenizer

FOLDER = GOLDEN / "tokenizer"
CAPTIONS = json.loads((Path(__file__).parent / "captions.json").read_text("utf-8"))
TOKENS = json.loads((FOLDER / "tokens.json").read_text())
START, END = 49406, 49407


def rows(pad=END, length=77):
    return np.array([(row + [pad] * length)[:length] for row in TOKENS], np.int32)


def test_tokens_of_captions_are_those_of_transformers():
    assert len(CAPTIONS) == len(TOKENS) == 200
    tokenizer = read_tokenizer(FOLDER)
    found = tokenizer(CAPTIONS)
    assert found.dtype == np.int32
    wrong = [caption for caption, row, own in zip(CAPTIONS, rows(), found, strict=True) if (row != own).any()]
    assert not wrong


def test_all_files_of_a_vocabulary_are_read(tmp_path):
    vocabulary = json.loads((FOLDER / "vocab.json").read_text("utf-8"))
    merges = [line.split() for line in (FOLDER / "merges.txt").read_text("utf-8").split("\n")[1:] if line]
    for name, pairs in (("lists", merges), ("strings", [" ".join(pair) for pair in merges])):
        folder = tmp_path / name
        folder.mkdir()
        added = [{"id": vocabulary.pop(token), "content": token} for token in list(vocabulary) if "|>" in token]
        whole = {"model": {"vocab": vocabulary, "merges": pairs}, "added_tokens": added}
        (folder / "tokenizer.json").write_text(json.dumps(whole), "utf-8")
        np.testing.assert_array_equal(read_tokenizer(folder)(CAPTIONS), rows())
        vocabulary |= {each["content"]: each["id"] for each in added}


@pytest.mark.parametrize("token", ["!", {"content": "!", "lstrip": False}])
@pytest.mark.parametrize("name", ["special_tokens_map.json", "tokenizer_config.json"])
def test_stable_diffusion_2_pads_with_another_token(tmp_path, name, token):
    for file in ("vocab.json", "merges.txt"):
        (tmp_path / file).write_bytes((FOLDER / file).read_bytes())
    (tmp_path / "vocab.json").write_text(json.dumps(json.loads((FOLDER / "vocab.json").read_text("utf-8")) | {"!": 0}))
    (tmp_path / name).write_text(json.dumps({"pad_token": token}))
    assert read_tokenizer(tmp_path, length=6)(["a"]).tolist() == [[START, 320, END, 0, 0, 0]]


def test_a_long_caption_ends_at_the_last_place():
    row = read_tokenizer(FOLDER, length=5)(["a photo of a cat, and a dog; both asleep"])[0]
    full = TOKENS[CAPTIONS.index("a photo of a cat, and a dog; both asleep")]
    assert row.tolist() == [*full[:4], END]


def test_a_file_of_openai_numbers_bytes_then_merges_then_the_ends(tmp_path):
    lines = '"bpe_simple_vocab_16e6.txt#version: 0.2\nc a\nca t</w>\n'
    for file, data in (("plain.txt", lines.encode()), ("packed.txt.gz", gzip.compress(lines.encode()))):
        (tmp_path / file).write_bytes(data)
        tokenizer = read_tokenizer(tmp_path / file, length=6)
        # 256 letters, and 256 that end a word; "!" is the first.
        assert tokenizer(["cat cats !"]).tolist() == [[514, 513, 512, ord("t") - 33, 256 + ord("s") - 33, 515]]
        assert tokenizer([""]).tolist() == [[514, 515, 0, 0, 0, 0]]


def test_what_is_no_vocabulary_is_refused_in_one_line(tmp_path):
    for path, match in ((tmp_path, "has no vocab.json"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(InputError, match=match):
            read_tokenizer(path)
    (tmp_path / "merges.txt").write_text("a b c\n")
    with pytest.raises(InputError, match="no list of merges"):
        read_tokenizer(tmp_path / "merges.txt")
    (tmp_path / "vocab.json").write_text("{}")
    with pytest.raises(InputError, match="lacks"):
        read_tokenizer(tmp_path)
    with pytest.raises(InputError, match="no token 'x</w>'"):
        Tokenizer({"<|startoftext|>": 0, "<|endoftext|>": 1}, {}, pad=1)(["x"])
