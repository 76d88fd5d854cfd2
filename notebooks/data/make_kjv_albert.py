"""Train kjv-albert: one shared layer, trained while it is applied 3, then 6, then 12 times.

    python make_kjv_albert.py OUT          # run again, it continues where it was stopped

With twelve layers and long sequences from the first step on, the model learns nothing in this time:
attention has to learn where to look, and the gradient that reaches it through many layers and over
many tokens is weak. But the layer is shared, so the same parameters are a model of any depth, and a
model trained with few layers and short sequences is a good start for more. New positions start as
copies of earlier ones.
"""

import sys
from pathlib import Path

import albert_np as ab
from albert_np.data.documents import TextFile
from albert_np.text import train_tokenizer
from albert_np.training import Settings, prepare_data

TEXT = Path(__file__).parent / "kjv.txt.xz"
STAGES = (  # layers, tokens of the longest sequence, steps, peak of the learning rate
    (3, 32, 4500, 2e-3),
    (6, 64, 800, 5e-4),
    (12, 128, 1500, 3e-4),
)


def main(out: Path) -> None:
    """Train the model in three stages and save it in out/kjv-albert."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "spiece.model").exists():
        lines = (line for line in TextFile(TEXT).lines() if line.strip())
        train_tokenizer(lines, out / "spiece.model", 4000)
    tokenizer = ab.AlbertTokenizer.from_pretrained(out)
    start, trained_length = None, 0  # parameters of the stage before, and its longest sequence
    for layers, longest, steps, rate in STAGES:
        config = ab.AlbertConfig.preset("tiny", num_hidden_layers=layers, initializer_range=0.09)
        settings = Settings(
            steps=steps, learning_rate=rate, max_length=longest, tokens_per_batch=1024,
            masked_lm_prob=0.25, max_ngram=1, bias_correction=True, beta2=0.98, eps=1e-9,
            held_out=0.03, eval_every=200, checkpoint_every=200, keep=1,
        )  # fmt: skip
        model = ab.AlbertForPreTraining(config, seed=0)
        if start is not None:
            model.params.flat[:] = start
            position = model.params.embeddings.position
            for first in range(trained_length, longest, trained_length):
                position[first : first + trained_length] = position[:trained_length]
        data = prepare_data([TEXT], out / f"corpus-{longest}", config, settings, tokenizer)
        run = out / f"{layers}-layers"
        resume = (run / "checkpoints").exists()
        summary = ab.pretrain(model, data, run, settings, tokenizer, resume=resume)
        print(f"{layers} layers: {summary.held_out}, unigram entropy {summary.unigram_entropy}")
        if summary.stopped_by:
            sys.exit(f"stopped by {summary.stopped_by}; run the same command to continue")
        start, trained_length = model.params.flat.copy(), longest
    model.save_pretrained(out / "kjv-albert")
    tokenizer.save_pretrained(out / "kjv-albert")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
