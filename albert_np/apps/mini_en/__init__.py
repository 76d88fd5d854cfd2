"""The recipe of the packaged model: its text, its stages of training, and the scores of its checkpoints.

`python -m albert_np.apps.mini_en --out FOLDER` makes the model of recipe.toml from raw text. docs/mini_en.md says how
the recipe was found.
"""
