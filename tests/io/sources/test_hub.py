"""Names on the hub: fetched once, from one commit, only what is needed; and one clear error for whatever goes wrong."""

import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hub_server import MAIN, OLD, Hub

import albert_np as ab
from albert_np import AlbertConfig
from albert_np.io import sources
from albert_np.io.sources.hub import _list_shards
from albert_np.text import train_tokenizer

constants = pytest.importorskip("huggingface_hub.constants", reason="needs the extra albert_np[hub]")
pytestmark = pytest.mark.filterwarnings("ignore:.*unauthenticated:UserWarning")

SIZES = dict(vocab_size=50, embedding_size=4, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
             max_position_embeddings=6, type_vocab_size=2)  # fmt: skip
CONFIG = json.dumps({**SIZES, "model_type": "albert", "hidden_act": "gelu_new"}).encode()
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = json.dumps({"weight_map": {"a": ONE, "b": TWO, "c": ONE}}).encode()
LINES = ["a small boat on the open sea", "the keeper of the light wrote a letter", "nobody came by that winter, 3 ships aside"]
BIG = bytes(range(256)) * 400
REPOSITORIES = {
    "albert/albert-base-v2": {
        MAIN: {"config.json": CONFIG, "model.safetensors": BIG, "pytorch_model.bin": b"not fetched", "tf_model.h5": b"never",
               "spiece.model": b"pieces", "tokenizer_config.json": b"{}", "README.md": b"hello"},
        OLD: {"config.json": CONFIG.replace(b"gelu_new", b"relu"), "pytorch_model.bin": b"old weights"},
    },
    "owner/sharded": {
        MAIN: {"config.json": CONFIG, "model.safetensors.index.json": INDEX, ONE: b"1", TWO: b"2", "model-3.safetensors": b""},
    },
    "owner/google": {MAIN: {"albert_config.json": json.dumps({**SIZES, "hidden_act": "gelu"}).encode(), "tf_model.h5": b""}},
    "owner/numbers": {
        MAIN: {"config.json": CONFIG[:-1] + b', "problem_type": "regression"}', "model.safetensors": BIG, "task.json": b"{}"},
    },
    "owner/words": {MAIN: {"vocab.txt": b"[PAD]"}},
}  # fmt: skip


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The library reads its environment when it is imported, which is too early here; test_environment does it that way."""
    hub = Hub({name: {commit: dict(files) for commit, files in commits.items()} for name, commits in REPOSITORIES.items()})
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    for module in ("constants", "file_download"):  # older releases hold the template in both
        template = f"huggingface_hub.{module}.HUGGINGFACE_CO_URL_TEMPLATE"
        monkeypatch.setattr(template, hub.url + "/{repo_id}/resolve/{revision}/{filename}", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.chdir(tmp_path)
    yield hub
    hub.close()


def names(name, what, **options):
    with sources.local(name, what, **options) as folder:
        return sorted(file.name for file in folder.iterdir())


def contents(name, what, file, **options):
    with sources.local(name, what, **options) as folder:
        return (folder / file).read_bytes()


def test_only_what_is_needed_is_fetched_and_only_once(hub):
    assert names("albert/albert-base-v2", "config") == ["config.json"]
    assert names("albert/albert-base-v2", "tokenizer") == ["config.json", "spiece.model", "tokenizer_config.json"]
    assert contents("albert/albert-base-v2", "model", "model.safetensors") == BIG
    fetched = [line.rsplit("/", 1)[1] for line in hub.asked if line.startswith("GET") and "/resolve/" in line]
    assert sorted(fetched) == ["config.json", "model.safetensors", "spiece.model", "tokenizer_config.json"]
    assert not any(name in line for line in hub.asked for name in ("README", "tf_model", "pytorch_model"))

    hub.asked.clear()  # the second time only whether "main" is still that commit
    assert contents("albert/albert-base-v2", "model", "model.safetensors") == BIG
    assert hub.asked == ["HEAD /albert/albert-base-v2/resolve/main/config.json"]


def test_the_cache_alone_will_do(hub, monkeypatch):
    for what in sources.WANTED:
        names("albert/albert-base-v2", what)
    hub.asked.clear()
    for what in sources.WANTED:  # without a word about the tokenizer's files that the repository is known not to have
        assert "config.json" in names("albert/albert-base-v2", what, local_files_only=True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for what in sources.WANTED:
        assert "config.json" in names("albert/albert-base-v2", what)
    assert hub.asked == []


def test_a_hub_that_is_down_leaves_the_cache(hub):
    assert names("albert/albert-base-v2", "model")
    hub.close()
    assert contents("albert/albert-base-v2", "model", "model.safetensors") == BIG


@pytest.mark.parametrize("alias", ["albert-base-v2", "albert/albert-base-v2"])
def test_old_names_are_aliases(hub, alias):
    assert AlbertConfig.from_pretrained(alias).hidden_act == "gelu_new"
    assert hub.asked[0] == "HEAD /albert/albert-base-v2/resolve/main/config.json"
    assert len(sources.ALIASES) == 8 and sources.ALIASES["albert-xxlarge-v1"] == "albert/albert-xxlarge-v1"


@pytest.mark.parametrize("revision", ["v1", OLD])
def test_revisions(hub, revision):
    assert AlbertConfig.from_pretrained("albert-base-v2", revision=revision).hidden_act == "relu"
    assert contents("albert-base-v2", "model", "pytorch_model.bin", revision=revision) == b"old weights"
    assert AlbertConfig.from_pretrained("albert-base-v2").hidden_act == "gelu_new"


def test_all_files_are_of_one_commit(hub):
    """The branch moves between two requests: the weights are still those of the config's commit."""
    answer = hub.answer

    def and_move(request, body):
        answer(request, body)
        if body:
            hub.revisions["main"] = OLD

    hub.answer = and_move
    assert names("albert/albert-base-v2", "model") == ["config.json", "model.safetensors"]


def test_the_scale_of_a_regression_is_fetched(hub):
    assert names("owner/numbers", "config") == ["config.json"]
    assert names("owner/numbers", "model") == ["config.json", "model.safetensors", "task.json"]
    assert not any("task.json" in line for line in hub.asked if "owner/numbers" not in line)


def test_sharded_weights(hub):
    assert names("owner/sharded", "model") == [
        "config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json",
    ]  # fmt: skip
    del hub.repositories["owner/sharded"][MAIN]["model-00002-of-00002.safetensors"]
    with pytest.raises(
        FileNotFoundError, match=r"has no file model-00002-of-00002.safetensors, which its model.*index.json names"
    ):
        names("owner/sharded", "model", cache_dir="other")


@pytest.mark.parametrize(
    "name", ["../config.json", "/etc/x.bin", "a/b.safetensors", "x\\y.bin", ".bin", "models.py", "", None, 3]
)
def test_an_index_may_only_name_plain_files(tmp_path, name):
    (tmp_path / "index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(ValueError, match=r"index\.json names the file .*only plain names"):
        _list_shards(tmp_path / "index.json")


@pytest.mark.parametrize("text", ["[]", "{}", '{"weight_map": {}}', '{"weight_map": ["a.bin"]}', "{"])
def test_an_index_that_is_none(tmp_path, text):
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(ValueError, match=r"index\.json"):
        _list_shards(tmp_path / "index.json")


def test_an_index_of_a_million_files(tmp_path):
    (tmp_path / "index.json").write_text(json.dumps({"weight_map": {str(i): f"{i}.bin" for i in range(1001)}}))
    with pytest.raises(ValueError, match="1001 files: 1000 at most"):
        _list_shards(tmp_path / "index.json")


def test_what_is_not_there_is_said(hub):
    with pytest.raises(
        FileNotFoundError, match=r"no file or folder 'no/such' here, and no repository http://.*/no/such; if it is private"
    ):
        names("no/such", "config")
    with pytest.raises(FileNotFoundError, match=r"albert-base-v2 has no revision 'v9'"):
        names("albert-base-v2", "config", revision="v9")
    with pytest.raises(
        FileNotFoundError, match=r"owner/words on http.* has no config: it lacks config.json or albert_config.json"
    ):
        names("owner/words", "config")
    with pytest.raises(
        FileNotFoundError, match=r"no weights that can be read: it lacks model.safetensors, .* or pytorch_model.bin.index"
    ):
        names("owner/google", "model")
    with pytest.raises(FileNotFoundError, match=r"has no tokenizer: it lacks spiece.model, vocab.txt or tokenizer.json"):
        names("owner/google", "tokenizer")
    assert names("owner/words", "tokenizer") == ["vocab.txt"]


def test_gated_repositories_want_a_token(hub):
    hub.gated.add("owner/words")
    with pytest.raises(PermissionError, match=r"owner/words is gated: ask for access at http://.*/owner/words, then .* token="):
        names("owner/words", "tokenizer")
    assert names("owner/words", "tokenizer", token="open sesame") == ["vocab.txt"]


def test_not_in_the_cache_and_not_to_be_asked_for(hub, monkeypatch):
    names("albert-base-v2", "config")
    with pytest.raises(
        FileNotFoundError, match=r"cache in .*/cache has no model.safetensors, .*; without local_files_only it would"
    ):
        names("albert-base-v2", "model", local_files_only=True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FileNotFoundError, match=r"no file or folder 'runs/first' here, and the cache .*; HF_HUB_OFFLINE forbids"):
        names("runs/first", "model")


def test_settings_that_may_exist_are_not_left_out_in_silence(hub):
    assert "spiece.model" in names("albert-base-v2", "tokenizer")
    with sources.local("albert-base-v2", "tokenizer", local_files_only=True) as folder:
        (folder / "tokenizer_config.json").unlink()
    with pytest.warns(UserWarning, match=r"tokenizer_config.json of albert/albert-base-v2 is not in the cache"):
        names("albert-base-v2", "tokenizer", local_files_only=True)


def test_no_network_and_nothing_cached(hub):
    hub.close()
    message = (
        r"no file or folder 'runs/first' here; http://.* cannot be reached to look for runs/first \(.*\), and the cache .* has no"
    )
    with pytest.raises(ConnectionError, match=message):
        names("runs/first", "model")


def test_a_cut_transfer_leaves_nothing_and_the_next_one_works(hub, tmp_path):
    names("albert-base-v2", "config")
    hub.cut = True
    with pytest.raises(
        OSError, match=r"model.safetensors of the repository http.*albert-base-v2 could not be fetched, nothing was kept"
    ):
        names("albert-base-v2", "model")
    assert [path.name for path in tmp_path.rglob("snapshots/*/*")] == ["config.json"]
    assert not any(path.stat().st_size == len(BIG) // 2 for path in tmp_path.rglob("blobs/*") if path.suffix != ".incomplete")
    hub.cut = False
    assert contents("albert-base-v2", "model", "model.safetensors") == BIG


def test_the_hubs_weights_are_torchs(hub):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert AlbertConfig.from_pretrained("owner/google").hidden_act == "gelu"


def test_environment(hub, tmp_path):
    """HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE are the library's own, read when it is imported."""
    code = "import albert_np; print(albert_np.AlbertConfig.from_pretrained('albert-base-v2').vocab_size)"
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1"}

    def run(**more):
        return subprocess.run([sys.executable, "-c", code], env={**environment, **more}, capture_output=True, text=True)

    first = run()
    assert first.stdout == "50\n", first.stderr
    asked = len(hub.asked)
    assert run(HF_HUB_OFFLINE="1").stdout == "50\n" and len(hub.asked) == asked
    assert list((tmp_path / "home").rglob("config.json"))


def test_without_the_library(hub, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"no file or folder 'some/name' here; .*pip install 'albert_np\[hub\]'"):
        names("some/name", "config")


def test_a_model_and_its_tokenizer_by_name(hub, tmp_path):
    """What users do: both by the old name, then the same again with nothing but the cache."""
    tokenizer = ab.AlbertTokenizer(train_tokenizer(LINES * 3, tmp_path / "spiece.model", 48))
    model = ab.AlbertForPreTraining(AlbertConfig(**{**SIZES, "vocab_size": len(tokenizer)}), seed=2)
    model.save_pretrained(tmp_path / "made")
    tokenizer.save_pretrained(tmp_path / "made")
    files = {file.name: file.read_bytes() for file in (tmp_path / "made").iterdir()}
    hub.repositories["albert/albert-base-v2"][MAIN] = files
    for options in ({}, {"local_files_only": True}):
        again = ab.AlbertForPreTraining.from_pretrained("albert-base-v2", **options)
        assert np.array_equal(again.params.flat, model.params.flat)
        words = ab.AlbertTokenizer.from_pretrained("albert-base-v2", **options)
        assert words.encode("a small boat") == tokenizer.encode("a small boat")
