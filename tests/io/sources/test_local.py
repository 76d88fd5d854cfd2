"""Which of a local path, an archive and a name on the hub a string is."""

from pathlib import Path

import pytest

from albert_np.io import sources


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_what_exists_is_given_as_it_is():
    for name in ("folder", "albert-base-v2", "albert/albert-base-v2"):  # the hub is not asked for what is here
        Path(name).mkdir(parents=True, exist_ok=True)
    Path("folder/model.safetensors").touch()
    Path("folder/model.ckpt-best.index").touch()
    Path("folder/not_really.tar").mkdir()
    for name in (
        "folder",
        "./folder/",
        "albert-base-v2",
        "albert/albert-base-v2",
        "folder/model.safetensors",
        "folder/model.ckpt-best",
        "folder/not_really.tar",
    ):
        for path in (name, Path(name), Path(name).absolute()):
            for what in sources.WANTED:
                with sources.local(path, what, revision="any") as found:
                    assert found == Path(path)


@pytest.mark.parametrize(
    "name", ["albert-base-v2", "albert/albert-base-v2", "owner/name", "a", "0_a/B.c-d", "runs/first", "x" * 96]
)
def test_names_that_the_hub_may_have(name):
    assert sources.kind(name) == "hub"


NO_NAMES = [
    "./my-model",
    "../my-model",
    "/models/albert",
    "runs/first/best",
    "runs\\first",
    "C:\\models",
    "~/models",
    "runs/",
    "a//b",
    "",
    "-a",
    "a-",
    "a--b",
    "a..b",
    "a b",
    "naïve",
    "a/b:c",
    "https://huggingface.co/albert/albert-base-v2",
    "x" * 97,
    "a\n",
    "a/b\n",
    "model.bin",
    "model.safetensors",
    "config.json",
    "albert_base_v2.tar.gz",
    "owner/spiece.model",
    "runs/vocab.txt",
    "model.ckpt",
]


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_cannot_be_a_name_never_asks_the_hub(name):
    with pytest.raises(FileNotFoundError) as error:
        sources.kind(name)
    assert f"there is no file or folder {name!r}, and it is not a valid name on the hub (owner/name)" in str(error.value)
    with pytest.raises(FileNotFoundError), sources.local(name, "model"):
        pass


def test_a_path_is_always_a_path():
    with pytest.raises(
        FileNotFoundError, match=r"no file or folder 'albert/albert-base-v2' \(names on the hub are given as a string"
    ):
        sources.kind(Path("albert/albert-base-v2"))


def test_what_is_wanted_must_be_known():
    with (
        pytest.raises(ValueError, match="what must be one of config, tokenizer, model, not 'weights'"),
        sources.local(".", "weights"),
    ):
        pass
