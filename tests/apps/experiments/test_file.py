"""What a sweep's TOML file may say, and what is refused before anything runs."""

import json
from pathlib import Path

import pytest

from albert_np.apps.cli import main
from albert_np.apps.cli.common import parse_config_fields
from albert_np.apps.experiments import commands, measure, read_sweep, recipes
from albert_np.apps.experiments.file import parse_sweep, tomllib
from albert_np.apps.experiments.paper import Direction
from albert_np.models.config import PRESETS, AlbertConfig
from albert_np.training import Settings
from albert_np.training.finetune_settings import FinetuneSettings

BASE = """
seeds = [0, 1]
[pretrain]
steps = 5
lr = 1e-3
hidden-size = 32
[grid]
sharing = ["all", "none"]
embedding_size = [8, 16]
"""


@pytest.fixture
def sweep(tmp_path):
    """The sweep of a text."""

    def read(text: str, **options):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return read_sweep(path, **options)

    return read


def test_a_grid_is_every_combination(sweep):
    found = sweep(BASE)
    assert (found.name, found.title, found.seeds, found.command.name) == ("mine", "mine", [0, 1], "pretrain")
    assert [each.name for each in found.configurations] == [
        "sharing=all, embedding_size=8", "sharing=all, embedding_size=16",
        "sharing=none, embedding_size=8", "sharing=none, embedding_size=16",
    ]  # fmt: skip
    last = found.configurations[-1]
    assert last.changes == {"sharing": "none", "embedding_size": 16}
    assert last.settings == {"steps": 5, "learning_rate": 1e-3, "hidden_size": 32, **last.changes}  # under their one name


def test_variants_with_and_without_a_grid(sweep):
    text = "[pretrain]\n[[variant]]\nname = 'plain'\n[[variant]]\nname = 'fused'\nfusion_layers = [2, 4]\n"
    assert [(c.name, c.changes) for c in sweep(text).configurations] == [("plain", {}), ("fused", {"fusion_layers": [2, 4]})]
    both = sweep(text + "[grid]\nbatches = ['balanced', 'random']\n")
    assert [c.name for c in both.configurations] == [
        "plain, batches=balanced", "plain, batches=random", "fused, batches=balanced", "fused, batches=random",
    ]  # fmt: skip
    assert [c.name for c in sweep("[pretrain]\nsteps = 3").configurations] == ["all"]
    assert sweep("seeds = 3\n[pretrain]").seeds == [0, 1, 2]


def test_the_command_line_comes_last(sweep):
    found = sweep(BASE, overrides={"lr": 0.5, "epochs": 2}, seeds=[7])
    settings = found.configurations[0].settings
    assert settings["learning_rate"] == 0.5 and settings["epochs"] == 2 and "steps" not in settings and found.seeds == [7]


def test_what_varies_cannot_be_set_for_all(sweep):
    with pytest.raises(ValueError, match="sharing cannot be set on the command line for all: the grid varies it"):
        sweep(BASE, overrides={"sharing": "none"})
    with pytest.raises(ValueError, match=r"steps cannot be set .* variant 'x' varies it"):
        sweep("[pretrain]\n[[variant]]\nname='x'\nsteps=3", overrides={"steps": 4})


def test_paths_are_seen_from_the_file(sweep, tmp_path):
    (tmp_path / "text").mkdir()
    for name in ("a.txt", "b.txt"):
        (tmp_path / "text" / name).write_text("A text.\n")
    assert sweep("[pretrain]\nfiles = 'text/a.txt'").base["files"] == [str(tmp_path / "text" / "a.txt")]
    found = sweep("[finetune]\ntask = 'translation'\ntrain = 'text/a.txt,text/b.txt'\ndev = 'text/a.txt'\nconfig = 'tiny'")
    assert found.base["train"] == f"{tmp_path}/text/a.txt,{tmp_path}/text/b.txt" and found.base["config"] == "tiny"


PAPER = "[pretrain]\n[grid]\nsteps = [3, 4]\n[[paper]]\nconfiguration = 'steps=4'\ndirection = 'better'\n"


def test_directions_of_the_paper(sweep):
    (one,) = sweep(PAPER).paper
    assert one == Direction("steps=4", "steps=3", "mlm_loss", "better", None, "")
    text = PAPER.replace("better", "same") + "within = 1\nmetric = 'sop_accuracy'\nsource = 'Table 5'\nagainst = 'steps=3'"
    assert sweep(text).paper == (Direction("steps=4", "steps=3", "sop_accuracy", "same", 1.0, "Table 5"),)
    assert sweep(BASE).paper == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[pretrain\n", "is not valid TOML"),
        ("steps = 3", r"unknown key 'steps'.*there are title, about, seeds, pretrain, finetune, grid, variant, paper"),
        ("[pretrain]\n[variants]\n", "unknown key 'variants'; did you mean 'variant'"),
        ("title = 'x'", r"expected one of the tables \[pretrain\] and \[finetune\]"),
        ("[pretrain]\n[finetune]\n", "and the file has both"),
        ("[pretrain]\nhiden_size = 3", r"\[pretrain\]: unknown setting of pretrain 'hiden_size'; did you mean 'hidden_size'"),
        ("[pretrain]\n[grid]\nstep = [3]", r"\[grid\]: unknown setting of pretrain 'step'; did you mean 'steps'"),
        ("[pretrain]\n[[variant]]\nname='x'\nobjectiv='sop'", "variant 'x': unknown setting .*; did you mean 'objective'"),
        ("[pretrain]\nlr = 1\nlearning-rate = 1", "learning_rate is given twice"),
        ("[pretrain]\nseed = 1", r"'seed' does not belong here: write seeds = \[0, 1, 2\]"),
        ("[pretrain]\nout = 'x'", "the sweep sets it"),
        ("[pretrain]\ntensorboard = 'x'", "a sweep draws figures of its own"),
        ("pretrain = 3", r"\[pretrain\] must be a table of settings, not 3"),
        ("[pretrain]\n[grid]\nsharing = 'all'", "sharing must be a list of the values to try, not 'all'"),
        ("[pretrain]\n[grid]\nsharing = []", "must be a list of the values to try"),
        ("[pretrain]\n[variant]\nname = 'x'", "with two brackets"),
        ("[pretrain]\n[[variant]]\nsharing = 'all'", r"\[\[variant\]\] number 1 needs a name"),
        ("[pretrain]\n[[variant]]\nname='x'\n[[variant]]\nname='x'\nsteps=1", "two variants are called 'x'"),
        ("[pretrain]\n[grid]\nsteps=[1]\n[[variant]]\nname='x'\nsteps=1", "variant 'x': steps is also in the grid"),
        ("seeds = [0, 0]\n[pretrain]", "seeds: 0 is given twice"),
        ("seeds = [-1]\n[pretrain]", "seeds must be a list of numbers"),
        ("seeds = 'one'\n[pretrain]", "seeds must be a list of numbers"),
        ("[pretrain]\n[grid]\nsteps = [3, 3]", "the configurations 'steps=3' and 'steps=3' are the same"),
        ("[pretrain]\n[grid]\nsteps = [3, 0]", "configuration 'steps=0': steps must be at least 1, not 0"),
        ("[pretrain]\n[grid]\nnum_attention_heads = [4, 5]", "'num_attention_heads=5': num_attention_heads must divide"),
        ("[pretrain]\n[grid]\nsharing = ['all', 'some']", "'sharing=some': sharing must be one of all, attention, ffn, none"),
        ("[pretrain]\n[grid]\nmax_length = [128, 256]", "'max_length=256': sequences are too long"),
        ("[pretrain]\nconfig = 'huge'", "'huge' is neither a file nor a preset"),
        ("[pretrain]\nfiles = ['nothing.txt']", "no such text file: .*nothing.txt"),
        ("[pretrain]\nbias_correction = 1", "bias_correction must be true or false, not 1"),
        ("[pretrain]\ntokenizer = 'nowhere'", "there is no tokenizer 'nowhere'"),
        ("[pretrain]\nsteps = 'many'", "steps must be an integer, not 'many'"),
        ("title = 3\n[pretrain]", "title must be a string, not 3"),
        ("[finetune]\ntask = 'ner'", r'finetune needs train = "..."'),
        ("[finetune]\ntask = 'nerd'\ntrain='x'\ndev='x'", "unknown task 'nerd'"),
        ("[finetune]\ntask = 'ner'\ntrain='x'\ndev='x'", "train: there is no file '.*x'"),
        (PAPER.replace("[[paper]]", "[paper]"), r"paper must be written \[\[paper\]\], with two brackets"),
        (PAPER + "seen = 1", r"\[\[paper\]\] number 1: unknown key 'seen'"),
        (PAPER.replace("steps=4", "steps=5"), r"unknown configuration 'steps=5'; did you mean .* \(there are steps=3, steps=4\)"),
        (PAPER + "against = 'steps=4'", "number 1: 'steps=4' cannot be compared with itself"),
        (PAPER + "against = 'steps'", "unknown against 'steps'"),
        (PAPER + "metric = 'mlm'", r"unknown metric 'mlm' \(there are mlm_loss, mlm_accuracy, sop_accuracy\)"),
        (PAPER.replace("better", "lower"), "direction must be one of better, worse, same, not 'lower'"),
        (PAPER + "within = 0.1", "within belongs to direction = \"same\", and the direction is 'better'"),
        (PAPER.replace("better", "same"), "needs within = the largest difference that counts as none, above 0, not None"),
        (PAPER.replace("better", "same") + "within = true", "above 0, not True"),
        (PAPER + "source = 4", "source must be a string, not 4"),
        (PAPER.replace("direction", "metric"), 'number 1: it needs a direction = "..."'),
        (PAPER + PAPER[PAPER.index("[[paper]]") :], r"number 2 repeats 'steps=4' against 'steps=3' in mlm_loss"),
    ],
)
def test_refused_by_name(sweep, text, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        sweep(text)
    assert str(caught.value).startswith(str(caught.value).split("mine.toml")[0] + "mine.toml") and "\n" not in str(caught.value)


def test_finetune_is_checked(sweep, tmp_path):
    (tmp_path / "train.tsv").write_text("label\ttext\na\tx\nb\ty\n")
    text = "[finetune]\ntask = 'classification'\ntrain = 'train.tsv'\ndev = 'train.tsv'\n"
    found = sweep(text + "config = 'tiny'\n[grid]\nlr = [1e-3, 1e-4]\nfreeze = ['body', ['embeddings']]\n")
    assert len(found.configurations) == 4
    for more, message in (
        ("", "expected either model or config"),
        ("model = 'x/y/z/w'", "there is no file or folder"),
        ("config = 'tiny'\nepochs = 0", "epochs must be at least 1"),
        ("config = 'tiny'\nsparsity = 2", "sparsity must be at least 0 and below 1"),
        ("config = 'tiny'\nweights = 'int3'", "int3"),
        ("config = 'tiny'\noption = { kindd = 'sets' }", "has no option 'kindd'"),
        ("config = 'tiny'\nhidden_size = 33", "num_attention_heads must divide"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            sweep(text + more)


# ---- what is said is what the command hears ----


def parsed(name: str, arguments: list[str]) -> dict:
    """What the command line makes of these arguments."""
    import typer

    from albert_np.apps.cli import app

    command = typer.main.get_command(app()).commands[name]
    with command.make_context(name, list(arguments)) as context:
        return context.params


OTHER = {  # values that are not the defaults
    "optimizer": "lamb", "start": "uniform", "objective": "nsp", "style": "google", "batches": "random", "lines": "wrapped",
    "document_separator": "--", "sparsity": "0.5", "prune_by": "movement", "prune_scope": "global", "freeze": ["body", "pooler"],
    "weights": "int8", "prune_embeddings": False, "epochs": 4, "warmup": 3, "layer_decay": 0.5, "held_out": 0.25,
    "masked_lm_prob": 0.25, "learning_rate": 0.25, "bias_correction": True, "balance": True, "label_smoothing": 0.25,
    "weight_decay": 0.25, "beta1": 0.75, "beta2": 0.75, "eps": 0.25,
    "prune_end": 0.25, "temperature": 0.25, "hard": 0.25, "hidden": 0.25, "clip_norm": 0.25,
}  # fmt: skip


NEEDED = {"pretrain": {"files": ["a"]}, "finetune": {"task": "ner", "train": "a", "out": "b"}}


@pytest.mark.parametrize("name", ["pretrain", "finetune"])
def test_every_setting_reaches_its_command(name):
    command = commands.COMMANDS[name]
    said = {key: OTHER.get(key, 7) for key in command.settings}
    heard = parsed(name, command.arguments({**said, **NEEDED[name]}))
    back = {key.replace("learning_rate", "lr"): value for key, value in said.items()}
    assert {key: heard[key] for key in back} == back
    fields = {field for field in (Settings if name == "pretrain" else FinetuneSettings).__dataclass_fields__}
    assert set(command.settings) <= fields


@pytest.mark.parametrize("name", ["pretrain", "finetune"])
def test_every_field_of_the_model_reaches_its_command(name):
    command = commands.COMMANDS[name]
    values = AlbertConfig.preset("tiny", fusion_layers=(1, 3), sharing="none").to_dict()
    said = {key: values[key] for key in command.model_fields if key in values}
    assert {"fusion_layers", "sharing", "hidden_size", "hidden_act"} <= set(said)
    heard = parsed(name, command.arguments({**said, **NEEDED[name]}))
    assert parse_config_fields(heard["set_"]) == said


def test_the_other_options_are_the_command_s(tmp_path):
    said = {"task": "ner", "train": "t", "dev": "d", "model": "-m", "from_scratch": True, "tokenizer": "v",
            "vocab_size": 9, "dropout": 0.5, "option": {"kind": "sets", "word": 1}, "max_length": 8, "teacher": "x",
            "backend": "numpy"}  # fmt: skip
    heard = parsed("finetune", [*commands.COMMANDS["finetune"].arguments(said), "--out=o"])
    assert heard["task"] == "ner" and heard["task_options"] == ['kind="sets"', "word=1"] and heard["model"] == "-m"
    assert (heard["from_scratch"], heard["dropout"], heard["teacher"], str(heard["tokenizer"])) == (True, 0.5, "x", "v")
    said = {"files": ["a", "b"], "config": "small", "dropout": 0.5, "recompute": True, "tokenizer": "v", "backend": "numpy"}
    heard = parsed("pretrain", commands.COMMANDS["pretrain"].arguments(said))
    assert [str(file) for file in heard["files"]] == ["a", "b"] and heard["recompute"] is True and heard["config"] == "small"
    assert set(PRESETS) >= {"small", "tiny"}


# ---- recipes ----


def test_the_papers_ablations_are_there():
    assert {"embedding-size", "sharing", "sentence-objective", "depth", "fusion", "masking", "batches"} <= set(recipes())


@pytest.mark.parametrize("name", sorted(recipes()))
def test_a_recipe_is_valid_and_fair(name):
    found = read_sweep(recipes()[name])
    assert len(found.seeds) >= 3 and len(found.configurations) >= 2 and found.about and "files" not in found.base
    each = [commands.build_pretraining(c.settings)[1] for c in found.configurations]
    assert len({(s.steps, s.tokens_per_batch, s.learning_rate, s.max_length, s.held_out) for s in each}) == 1
    sizes = {c.settings["vocab_size"] for c in found.configurations}
    assert len(sizes) == 1  # else losses are not of the same pieces
    assert found.base["steps"] % found.base["eval_every"] == 0


def test_depth_is_at_constant_parameters():
    from albert_np.training.memory import empty_tree

    configs = [commands.build_pretraining(c.settings)[0] for c in read_sweep(recipes()["depth"]).configurations]
    assert [config.num_hidden_layers for config in configs] == [1, 3, 6]
    assert len({empty_tree(config).count() for config in configs}) == 1


def test_fusion_is_compared_at_equal_parameters():
    from albert_np.training.memory import empty_tree

    wider, fused, plain = (commands.build_pretraining(c.settings)[0] for c in read_sweep(recipes()["fusion"]).configurations)
    assert fused.fusion_layers and not wider.fusion_layers and wider.intermediate_size > plain.intermediate_size
    assert empty_tree(wider).count() == empty_tree(fused).count() == empty_tree(plain).count() + 2 * 128**2 + 128


def test_losses_are_of_the_same_pairs_and_masks():
    asked = {name: measure.choose_sets(read_sweep(path)) for name, path in recipes().items()}
    assert asked["sharing"] == asked["depth"] == asked["batches"] == {}
    masks = {"max_ngram": 1, "masked_lm_prob": 0.15}
    assert asked["sentence-objective"] == {name: {"objective": objective, **masks} for name, objective in
                                           (("mlm", "none"), ("sop", "sop"), ("nsp", "nsp"))}  # fmt: skip
    assert [(name, set_["max_ngram"], set_["objective"]) for name, set_ in asked["masking"].items()] == [
        ("mlm max_ngram=1", 1, "none"), ("mlm max_ngram=3", 3, "none"),
    ]  # fmt: skip
    masks = [{"max_ngram": ngram, "masked_lm_prob": rate} for ngram, rate in ((3, 0.15), (1, 0.15), (3, 0.3))]
    grid = "[pretrain]\n" + "".join(f"[[variant]]\nname = '{i}'\n" + "".join(f"{key} = {value}\n" for key, value in mask.items())
                                    for i, mask in enumerate(masks))  # fmt: skip
    found = measure.choose_sets(parse_sweep(tomllib.loads(grid), "x", Path(), {}))
    names = [f"mlm max_ngram={mask['max_ngram']} masked_lm_prob={mask['masked_lm_prob']:g}" for mask in masks]
    assert found == {
        **{name: {"objective": "sop", **mask} for name, mask in zip(names, masks)},
        "sop": {"objective": "sop", **masks[0]},
    }


@pytest.mark.parametrize("name", sorted(recipes()))
def test_the_figures_of_a_recipe_are_known_before_it_runs(name):
    found = read_sweep(recipes()[name])
    names = measure.metric_names(found)
    assert names[0].startswith("mlm_loss") and len(set(names)) == len(names)
    assert {each.metric for each in found.paper} <= set(names)
    for set_ in measure.choose_sets(found):
        assert any(key.startswith(("mlm_loss" + set_.removeprefix("mlm"), set_ + "_accuracy")) for key in names)


# ---- the command, without running anything ----


def test_listing_showing_planning(capsys, tmp_path):
    assert main(["sweep", "--list"]) == 0
    assert "sharing" in capsys.readouterr().out
    assert main(["sweep", "--list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sharing"]["runs"] == 20
    assert main(["sweep", "sharing", "--show"]) == 0
    copy = tmp_path / "copy.toml"
    copy.write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["sweep", str(copy), "--dry-run", "--set", "steps=300", "--seeds", "0,1"]) == 0
    out = capsys.readouterr().out
    assert "4 configurations x 2 seeds = 8 runs" in out and "--steps=300" in out and '--set=sharing="ffn"' in out
    assert main(["sweep", str(copy), "--dry-run", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["configurations"]) == 4
    assert list(tmp_path.iterdir()) == [copy]


def test_wrong_usage_is_one_line(fails, tmp_path):
    assert "Missing argument" in fails("sweep")
    assert "no such recipe (ablations, batches, depth" in fails("sweep", "sharin") and "did you mean 'sharing'" in fails(
        "sweep", "sharin"
    )
    assert "--seeds takes numbers" in fails("sweep", "sharing", "--seeds", "a")
    assert "--set takes KEY=VALUE" in fails("sweep", "sharing", "--set", "a")
    assert "unknown setting of pretrain 'stepz'; did you mean 'steps'" in fails("sweep", "sharing", "--set", "stepz=1")
    assert "no such text file: none.txt" in fails("sweep", "sharing", "--corpus", "none.txt")
    for option in ("--table", "--power"):
        assert "there is no sweep in" in fails("sweep", "sharing", option, "--out", tmp_path / "none")
    assert not list(tmp_path.iterdir())
