"""The damaged SentencePiece models of the shared data: each gives the error that its manifest asks for, in no time."""

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from protobuf_writer import field, model

from albert_np.text import AlbertTokenizer

# A part of each file's message: the words of the manifest, where they fit.
MESSAGES = {
    "empty": "is empty",
    "random_bytes": "cannot be used as a SentencePiece model",
    "text_vocab": "the text .vocab, not the .model",
    "lfs_pointer": "Git LFS pointer",
    "cut_in_piece": "bytes long, but",
    "cut_between_pieces": "no trainer_spec and no normalizer_spec",
    "trailing_garbage": "end inside a number",
    "length_past_end": "268435455 bytes long, but",
    "varint_endless": "longer than 64 bits",
    "wire_type_7": "unknown wire type 7",
    "no_pieces": "no pieces",
    "no_unk": "no unknown piece",
    "two_unk": "2 unknown pieces",
    "duplicate_piece": "duplicate piece, '▁a'",
    "empty_piece": "piece 12 is empty",
    "piece_not_utf8": "is not valid UTF-8",
    "piece_with_nul": "piece 12 is one with a zero byte",
    "piece_200kB": "piece 12 is too long",
    "score_nan": "score of piece 12",
    "score_inf": "score of piece 12",
    "type_unknown": "piece 12, 's', has the unknown type 99",
    "type_bpe": "model type BPE is not supported",
    "type_word": "model type WORD is not supported",
    "vocab_size_lies": "its vocab_size is 30000, but it has 44",
    "unk_id_out_of_range": "unk_id 5000 is not a piece",
    "unk_id_disagrees": "its unk_id is 0, but the unknown piece is number 1",
    "no_mask_symbol": "[MASK] is not in the model",
    "mask_typo": "[MASK] is not in the model",
    "byte_fallback": "byte_fallback is not supported",
    "charsmap_random": "precompiled_charsmap is damaged",
    "charsmap_size_past_end": "precompiled_charsmap is damaged",
    "charsmap_trie_out_of_bounds": "precompiled_charsmap is damaged",
    "charsmap_short": "precompiled_charsmap is damaged",
    "normalizer_unknown": "normalizer 'my_rules' has no character map",
}


def test_every_file_of_the_manifest(recwarn):
    if "ALBERT_NP_DATA" not in os.environ:
        pytest.skip("ALBERT_NP_DATA is not set")
    folder = Path(os.environ["ALBERT_NP_DATA"]) / "weights" / "malformed"
    rows = [row for row in json.loads((folder / "manifest.json").read_text())["files"] if row["file"].endswith(".model")]
    assert len(rows) > 35 and {Path(row["file"]).stem for row in rows if row["expect"] != "accept"} == set(MESSAGES)
    for row in rows:
        recwarn.clear()
        start, tokenizer, message = time.process_time(), None, ""
        try:
            tokenizer = AlbertTokenizer(folder / row["file"])
        except ValueError as error:
            message = str(error)
        assert time.process_time() - start < 1, row
        message += "".join(str(warning.message) for warning in recwarn)
        if row["expect"] == "accept":
            assert tokenizer is not None and not message, row
        else:
            assert MESSAGES[Path(row["file"]).stem] in message and row["file"] in message, (row, message)
            assert (tokenizer is None) or row["expect"] == "warn", row
        if tokenizer is not None:
            assert tokenizer.tokenize("The cats sat") == ["▁the", "▁cat", "s", "▁sat"]


SMALL = model(
    ("▁", -2), ("▁the", -1), ("a", -3), ("1,", -1), ("1", -3), (",", -3), ("é", -4), ("-", 0),
    trainer=field(4, 0, 13) + field(40, 0, 1), normalizer=field(1, 2, b"identity"), kinds={"-": 4},
)  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("small") / "given.model"


def test_the_small_one_is_good(path):
    path.write_bytes(SMALL)
    assert AlbertTokenizer(path, keep_accents=True).tokenize("THE a1, é-") == ["▁the", "▁", "a", "1", ",", "▁", "é", "-"]


@pytest.mark.filterwarnings("ignore:.*(vocab_size|unk_id|normalizer)")  # warnings about contradictions
@settings(max_examples=1000)
@given(st.integers(0, len(SMALL) - 1), st.sampled_from(["change", "cut", "insert"]), st.binary(min_size=1, max_size=3))
def test_any_change_gives_an_error_or_a_tokenizer_that_works(path, at, kind, some):
    bad = {"change": SMALL[:at] + some + SMALL[at + len(some) :], "cut": SMALL[:at], "insert": SMALL[:at] + some + SMALL[at:]}
    path.write_bytes(bad[kind])
    try:
        tokenizer = AlbertTokenizer(path)
    except ValueError as error:
        assert "given.model" in str(error)
    else:
        for text in ("The a1, é- [MASK] x", "", "\u0301-1,1,"):
            batch = tokenizer(text, return_offsets_mapping=True)
            assert batch["input_ids"].min() >= 0 and batch["input_ids"].max() < len(tokenizer)
            assert batch["offset_mapping"].max() <= len(text)
            tokenizer.decode(batch["input_ids"][0])
