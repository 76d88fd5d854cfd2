"""Where a tokenizer comes from: folders of several makers, files, archives, names on the hub; and what goes back."""

import json
import tarfile
from contextlib import contextmanager

import pytest
from protobuf_writer import model

from albert_np.io import sources
from albert_np.text import AlbertTokenizer, Tokenizer

SMALL = model(("▁a", -1), ("b", -2))


def same(tokenizer, other):
    return tokenizer.fingerprint() == other.fingerprint()


@pytest.fixture
def reference(tmp_path):
    (tmp_path / "reference.model").write_bytes(SMALL)
    return AlbertTokenizer(tmp_path / "reference.model")


def test_a_folder_of_googles(tmp_path, reference):
    folder = tmp_path / "albert_base"
    folder.mkdir()
    (folder / "30k-clean.model").write_bytes(SMALL)
    (folder / "30k-clean.vocab").write_text("<pad>\t0\n<unk>\t0\n")
    (folder / "albert_config.json").write_text("{}")
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    assert same(tokenizer, reference)
    assert tokenizer.vocab_file == folder / "30k-clean.model"
    (folder / "other.model").write_bytes(SMALL)
    with pytest.raises(ValueError, match=r"several vocabularies \(30k-clean\.model, other\.model\): name the file"):
        AlbertTokenizer.from_pretrained(folder)
    (folder / "spiece.model").write_bytes(SMALL)
    assert AlbertTokenizer.from_pretrained(folder).vocab_file == folder / "spiece.model"


def test_the_base_class_finds_the_kind(tmp_path, reference):
    """It used to fail with an AttributeError of its own."""
    found = Tokenizer.from_pretrained(tmp_path / "reference.model")
    assert type(found) is AlbertTokenizer and same(found, reference)


def test_a_file_and_an_archive(tmp_path, reference):
    assert same(AlbertTokenizer.from_pretrained(tmp_path / "reference.model"), reference)
    with tarfile.open(tmp_path / "albert_base.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "reference.model", "albert_base/30k-clean.model")
    tokenizer = AlbertTokenizer.from_pretrained(str(tmp_path / "albert_base.tar.gz"))
    assert same(tokenizer, reference)
    assert tokenizer.vocab_file == tmp_path / "albert_base.tar.gz"  # what was unpacked is gone
    assert tokenizer.encode("a b") == reference.encode("a b")
    tokenizer.save_pretrained(tmp_path / "saved")
    assert same(AlbertTokenizer.from_pretrained(tmp_path / "saved"), reference)


def test_a_name_on_the_hub(tmp_path, reference, monkeypatch):
    """The name and the hub's arguments are passed on; a tokenizer setting is not an argument of the hub."""
    given = []

    @contextmanager
    def local(path, what, **options):
        given.append((path, what, options))
        yield tmp_path

    monkeypatch.setattr(sources, "local", local)
    options = {"revision": "main", "cache_dir": "cache", "local_files_only": True, "token": "t"}
    tokenizer = AlbertTokenizer.from_pretrained("someone/albert", keep_accents=True, **options)
    assert tokenizer.keep_accents and str(tokenizer.vocab_file) == "someone/albert"
    assert given == [("someone/albert", "tokenizer", options)]


def test_tokenizer_json_alone(tmp_path, reference):
    reference.save_pretrained(tmp_path / "saved")
    (tmp_path / "saved" / "spiece.model").unlink()
    alone = AlbertTokenizer.from_pretrained(tmp_path / "saved")  # more in test_unigram_json.py
    assert alone.get_vocab() == reference.get_vocab() and alone.encode("a b") == reference.encode("a b")
    (tmp_path / "saved" / "tokenizer.json").write_text('{"model": {"type": "BPE", "vocab": {}}}')
    with pytest.raises(ValueError, match=r"tokenizer\.json holds neither a Unigram nor a WordPiece model \(BPE\)"):
        AlbertTokenizer.from_pretrained(tmp_path / "saved")


def settings_file(folder, **values):
    (folder / "tokenizer_config.json").write_text(json.dumps(values))


def test_other_entries_of_the_settings_are_kept(tmp_path, reference):
    other = {"sp_model_kwargs": {}, "trim_offsets": True, "clean_up_tokenization_spaces": False, "our_own": {"ä": [1, None]}}
    settings_file(tmp_path, **other, keep_accents=True, model_max_length=64, tokenizer_class="AlbertTokenizer")
    AlbertTokenizer.from_pretrained(tmp_path).save_pretrained(tmp_path / "saved")
    written = json.loads((tmp_path / "saved" / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert {name: written[name] for name in other} == other
    assert (written["keep_accents"], written["model_max_length"], written["mask_token"]) == (True, 64, "[MASK]")
    assert written["model_input_names"] == ["input_ids", "token_type_ids", "attention_mask"]
    again = AlbertTokenizer.from_pretrained(tmp_path / "saved", model_max_length=8)
    assert again.model_max_length == 8 and again.extra_settings == other


def test_special_tokens_of_other_names_and_added_tokens(tmp_path, reference):
    (tmp_path / "special_tokens_map.json").write_text(
        '{"mask_token": {"content": "[MASK]", "lstrip": true}, "sep_token": "</s>"}'
    )
    with pytest.raises(ValueError, match=r"sep_token in .*special_tokens_map\.json is '</s>'; ALBERT's is '\[SEP\]'"):
        AlbertTokenizer.from_pretrained(tmp_path)
    (tmp_path / "special_tokens_map.json").unlink()
    settings_file(tmp_path, added_tokens_decoder={"4": {"content": "[MASK]"}, "7": {"content": "<speaker>"}})
    with pytest.warns(UserWarning, match=r"tokenizer_config\.json adds tokens \('<speaker>'\): not supported"):
        AlbertTokenizer.from_pretrained(tmp_path)
    settings_file(tmp_path, added_tokens_decoder={"4": {"content": "[MASK]"}}, additional_special_tokens=None)
    AlbertTokenizer.from_pretrained(tmp_path)  # without a warning
