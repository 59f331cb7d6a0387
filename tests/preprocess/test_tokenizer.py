"""Transcripts become tokens."""

import sys
import types

import pytest
import torch

from emo_core.preprocess import tokenizer as text
from emo_core.preprocess.tokenizer import BYTE_VOCABULARY, CLS, FIRST, PADDING, TextError, tokens_of


def test_bytes_after_the_token_for_all_and_padding_behind():
    tokens, mask = tokens_of("Aß", 6)
    assert tokens.tolist() == [CLS, 65 + FIRST, 0xC3 + FIRST, 0x9F + FIRST, PADDING, PADDING]
    assert mask.tolist() == [True] * 4 + [False] * 2
    assert tokens.dtype == torch.int64 and mask.dtype == torch.bool


def test_a_long_text_is_cut_and_every_token_is_in_the_vocabulary():
    tokens, mask = tokens_of("\x00\xff€" * 50, 20)
    assert tokens.shape == (20,) and mask.all()
    assert tokens.min() >= CLS and tokens.max() < BYTE_VOCABULARY


@pytest.mark.parametrize("nothing", ["", "  \n"])
def test_no_text_is_masked_whole(nothing):
    tokens, mask = tokens_of(nothing, 4)
    assert not tokens.any() and not mask.any()
    assert tokens_of("words", 0)[0].shape == (0,)


def test_half_a_character_does_no_harm():
    assert tokens_of("\ud83d", 4)[1].tolist() == [True, True, False, False]


@pytest.fixture
def library(monkeypatch):
    """Stands in for transformers, with a tokenizer that knows the lengths of words."""

    def put(from_pretrained):
        fake = types.ModuleType("transformers")
        fake.AutoTokenizer = types.SimpleNamespace(from_pretrained=from_pretrained)
        monkeypatch.setitem(sys.modules, "transformers", fake)
        text._load_tokenizer.cache_clear()

    yield put
    text._load_tokenizer.cache_clear()


def test_a_named_tokenizer_is_asked_offline_and_cut(library):
    asked = []

    def from_pretrained(name, local_files_only):
        asked.append((name, local_files_only))
        return lambda words, truncation, max_length: {
            "input_ids": [2, *map(len, words.split()), 3][:max_length]
        }

    library(from_pretrained)
    tokens, mask = tokens_of("one three", 6, "albert-base-v2")
    assert tokens.tolist() == [2, 3, 5, 3, 0, 0] and mask.sum() == 4
    assert tokens_of("a b c d e f", 4, "albert-base-v2")[0].tolist() == [2, 1, 1, 1]
    assert asked == [("albert-base-v2", True)]  # once; EMO_OFFLINE is set in tests


def test_a_tokenizer_that_is_not_here_is_one_sentence(library, monkeypatch):
    def from_pretrained(name, local_files_only):
        raise OSError("no such file\nand much advice")

    library(from_pretrained)
    with pytest.raises(TextError, match=r"^the files of the tokenizer 'x' can't be had \(no such"):
        tokens_of("words", 4, "x")
    text._load_tokenizer.cache_clear()
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(TextError, match=r"needs the package transformers.*reads bytes\.$"):
        tokens_of("words", 4, "x")


def test_a_real_tokenizer_from_local_files(tmp_path):
    transformers = pytest.importorskip("transformers")
    words = ["<pad>", "<unk>", "[CLS]", "[SEP]", "yes", "no"]
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>")
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>")
    fast.save_pretrained(tmp_path)
    text._load_tokenizer.cache_clear()
    tokens, mask = tokens_of("yes no", 6, str(tmp_path))
    assert tokens.tolist() == [2, 4, 5, 3, 0, 0] and mask.sum() == 4
