"""The name that was probably meant by one that is not known: other programs' usual names, and misspellings."""

import difflib
from collections.abc import Iterable, Mapping

SIMILAR = 0.65  # of 1: names that are less similar are not suggested

# Names that other programs use, and ours for them; of several, the first that is known where the name was used is suggested.
_USUAL = {
    "accumulate": "gradient_accumulation_steps gradient_accumulation accumulation_steps grad_accum accumulate_grad_batches",
    "batch_size": "train_batch_size per_device_train_batch_size per_gpu_train_batch_size batch bs mini_batch_size minibatch_size "
    "batchsize",
    "beta1": "adam_beta1 betas",
    "beta2": "adam_beta2",
    "eps": "adam_epsilon epsilon adam_eps",
    "changes": "config_overrides model_kwargs",
    "checkpoint_every": "save_steps save_every",
    "clip_norm": "max_grad_norm gradient_clip_val grad_clip clip clipnorm",
    "dev": "eval eval_dataset eval_data validation validation_data validation_file val val_data dev_file test test_dataset",
    "embedding_size": "embedding_dim embed_dim",
    "epochs": "num_train_epochs num_epochs n_epochs nb_epoch max_epochs epoch",
    "eval_every": "eval_steps val_check_interval",
    "from_scratch": "no_pretrained",
    "held_out": "validation_split val_split",
    "hidden_act": "activation activation_function act",
    "hidden_dropout_prob": "dropout dropout_rate p_drop",
    "hidden_size": "d_model n_embd dim hidden_dim hidden",
    "intermediate_size": "d_ff ffn_dim feed_forward_size",
    "keep": "save_total_limit",
    "label_smoothing": "label_smoothing_factor",
    "layer_decay": "layerwise_lr_decay llrd",
    "learning_rate": "lr peak_lr max_lr",
    "log_every": "logging_steps log_interval",
    "lr": "learning_rate peak_lr max_lr",
    "masked_lm_prob": "mlm_probability mask_prob",
    "max_length": "max_seq_length max_seq_len max_len seq_len sequence_length block_size model_max_length",
    "max_position_embeddings": "max_length max_seq_length max_len n_positions block_size",
    "model": "pretrained pretrained_model model_name model_name_or_path checkpoint init init_from init_checkpoint "
    "initialize_from from from_pretrained base_model load weights_from start_from continue_from",
    "num_attention_heads": "num_heads n_head n_heads heads",
    "num_hidden_layers": "num_layers n_layer n_layers layers depth",
    "optimizer": "optim optimiser",
    "options": "task_options",
    "out": "output_dir output out_dir save_dir path",
    "patience": "early_stopping_patience early_stopping",
    "precision": "fp16 bf16 mixed_precision amp",
    "progress": "verbose disable_tqdm show_progress progress_bar quiet silent",
    "report": "callback callbacks logger",
    "resume": "resume_from_checkpoint",
    "seed": "random_state random_seed",
    "seeds": "num_seeds n_seeds runs",
    "steps": "max_steps num_steps n_steps num_train_steps train_steps total_steps max_iters iterations num_training_steps",
    "teacher": "teacher_model",
    "tokens_per_batch": "batch_size train_batch_size per_device_train_batch_size per_gpu_train_batch_size batch "
    "batch_tokens bs mini_batch_size minibatch_size batchsize",
    "train": "train_dataset train_data train_file train_set training_data data dataset",
    "vocab_size": "n_vocab vocabulary_size",
    "warmup": "warmup_steps num_warmup_steps warmup_ratio warmup_proportion",
    "weight_decay": "wd l2 decay",
}
_INSTEAD = {"steps": "epochs"}  # for a run that does not have the former
USUAL: dict[str, list[str]] = {}
for _name, _others in _USUAL.items():
    for _other in _others.split():
        USUAL[_other] = [*USUAL.get(_other, []), _name, *([_INSTEAD[_name]] if _name in _INSTEAD else [])]

# names of the package transformers that are answered with more than a similar name; docs/from_transformers.md has them all
OF_TRANSFORMERS = {
    "pipeline": ": ab.Trained.from_pretrained(folder).predict(texts) answers with a model that was fine-tuned, and the command "
    "fill-mask with one that was not",
    "Trainer": ": ab.finetune(task, train, dev) trains for a task, ab.pretrain(model, data, out) pretrains",
    "TrainingArguments": ": ab.finetune and ab.pretrain take the settings themselves, such as epochs=3, lr=1e-4",
}

# said beside a suggestion whose unit differs from that of the usual name
NOTES = {"tokens_per_batch": "which counts the tokens of a step, not its examples"}


def suggest(name: str, known: Iterable[str] | Mapping[str, str], notes: Mapping[str, str] = NOTES) -> str:
    """Return "; did you mean 'learning_rate'?" for the known name that `name` probably stands for; "" if there is none.

    known   names or options (--learning-rate), or {name: how it is written in the message}
    notes   {name: added to the suggestion}
    """
    written = known if isinstance(known, Mapping) else {each: repr(each) for each in known}
    names = {_plain(each): each for each in written}
    plain = _plain(name)
    near = [each for each in (plain, *USUAL.get(plain, ())) if each in names]
    near = near or difflib.get_close_matches(plain, names, n=1, cutoff=SIMILAR)
    if not near:
        return ""
    note = f", {notes[near[0]]}" if near[0] in notes else ""
    return f"; did you mean {written[names[near[0]]]}{note}?"


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_").lower()
