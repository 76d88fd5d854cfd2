"""Old names of modules: each import says where the module is now, and nothing else changes."""

import importlib
import importlib.util
import subprocess
import sys

import pytest

import albert_np as ab
from albert_np.moved import MOVED, describe


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_name_raises_and_names_a_module_that_exists(old):
    new = MOVED[old].rstrip(".")
    with pytest.raises(ImportError, match=rf"^{old} is now (in )?{new} \(moved in 0\.2\.0\)$") as raised:
        importlib.import_module(old)
    assert not isinstance(raised.value, ModuleNotFoundError)
    assert importlib.util.find_spec(new) is not None
    assert old not in sys.modules


def test_every_form_of_import_gives_the_message():
    for statement in ("import albert_np.layers", "from albert_np import layers", "from albert_np.layers import linear"):
        with pytest.raises(ImportError, match=r"^albert_np\.layers is now albert_np\.core\.layers \(moved"):
            exec(statement)
    for statement in ("import albert_np.layers.residual", "from albert_np.layers.residual import residual"):
        with pytest.raises(ImportError, match=r"^albert_np\.layers\.residual is now albert_np\.core\.layers\.add_norm \(moved"):
            exec(statement)
    with pytest.raises(AttributeError, match=r"^albert_np\.randomness is now albert_np\.core\.random"):
        ab.randomness  # noqa: B018


@pytest.mark.parametrize("name", ["layer", "layerss", "core.typo", "compress.filez", "moved.typo", "Layers"])
def test_a_misspelt_name_is_an_ordinary_error(name):
    with pytest.raises(ModuleNotFoundError, match=r"^No module named"):
        importlib.import_module(f"albert_np.{name}")
    assert describe(f"albert_np.{name}") == ""


def test_a_misspelt_module_of_an_old_package_gets_the_message_of_the_package():
    with pytest.raises(ImportError, match=r"^albert_np\.layers is now albert_np\.core\.layers \(moved"):
        importlib.import_module("albert_np.layers.typo")


def test_other_attributes_stay_missing():
    assert not hasattr(ab, "layers") and not hasattr(ab, "typo")
    with pytest.raises(AttributeError, match="module 'albert_np' has no attribute 'typo'"):
        ab.typo  # noqa: B018


def test_a_directory_left_over_from_an_older_version_does_not_hide_the_message(tmp_path, monkeypatch):
    (tmp_path / "layers" / "__pycache__").mkdir(parents=True)
    monkeypatch.setattr(ab, "__path__", [*ab.__path__, str(tmp_path)])
    with pytest.raises(ImportError, match=r"^albert_np\.layers is now"):
        importlib.import_module("albert_np.layers")


def test_the_package_alone_does_not_load_the_table():
    code = "import sys, albert_np; sys.exit('albert_np.moved' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
