"""Which weights a folder, a file or a prefix means."""

import pytest

from albert_np.io.locate import locate


@pytest.fixture
def folder(tmp_path):
    def of(*names, **texts):
        for name in names:
            (tmp_path / name).write_bytes(b"x")
        for name, text in texts.items():
            (tmp_path / name).write_text(text)
        return tmp_path

    return of


def meant(path):
    found = locate(path)
    return found.file.name, found.format


def test_the_order_of_search(folder):
    """Each file that is added comes before those that were there."""
    for name, format in (
        ("model.ckpt-9.index", "tf"), ("some.pth", "torch"), ("model.npz", "npz"), ("pytorch_model.bin.index.json", "torch"),
        ("pytorch_model.bin", "torch"), ("model.safetensors.index.json", "safetensors"), ("model.safetensors", "safetensors"),
    ):  # fmt: skip
        assert meant(folder(name)) == (name.removesuffix(".index"), format)


def test_what_a_trainer_leaves_is_no_weights(folder):
    assert meant(folder("training_args.bin", "optimizer.pt", "rng_state_0.pth", "mine.bin")) == ("mine.bin", "torch")


def test_lightnings_checkpoint_is_an_archive_of_torch(folder):
    path = folder("model.ckpt")
    (path / "last.ckpt").write_bytes(b"PK\x03\x04...")
    assert meant(path) == ("last.ckpt", "torch") == meant(path / "last.ckpt")
    with pytest.raises(ValueError, match="weights end in"):
        meant(path / "model.ckpt")


def test_the_newest_checkpoint_is_the_one_that_is_named(folder):
    path = folder("model.ckpt-1.index", "model.ckpt-22.index")
    with pytest.raises(ValueError, match=r"several checkpoints: model\.ckpt-1, model\.ckpt-22; name the one"):
        locate(path)
    folder(checkpoint='model_checkpoint_path: "gs://somewhere/else/model.ckpt-22"\nall_model_checkpoint_paths: "model.ckpt-1"\n')
    assert meant(path) == ("model.ckpt-22", "tf")
    folder(checkpoint='model_checkpoint_path: "model.ckpt-999"\n')
    with pytest.raises(ValueError, match=r"names model\.ckpt-999, but there is only model\.ckpt-1, model\.ckpt-22"):
        locate(path)


def test_files_and_prefixes(folder):
    path = folder("model.ckpt.index", "model.ckpt.data-00000-of-00001", "a.safetensors", "b.safetensors", "words.txt")
    for name in ("model.ckpt", "model.ckpt.index", "model.ckpt.data-00000-of-00001"):
        assert meant(path / name) == ("model.ckpt", "tf")
    assert meant(path / "b.safetensors") == ("b.safetensors", "safetensors")
    with pytest.raises(ValueError, match=r"several files of weights: a\.safetensors, b\.safetensors"):
        locate(path)
    with pytest.raises(ValueError, match=r"weights end in"):
        locate(path / "words.txt")
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        locate(path / "nothing")


def test_an_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no weights in .*expected model\.safetensors"):
        locate(tmp_path)
