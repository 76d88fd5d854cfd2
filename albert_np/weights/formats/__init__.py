"""Readers of the files that weights come in: each gives {name: array} under the file's own names, and trusts no byte of it.

safetensors_file   .safetensors       npz_file   .npz       shards   several files with an index
torch_file         what torch.save wrote, with or without zip (unpickle: the little of pickle that is allowed)
tensorflow         TensorFlow's V2 checkpoints (table: the index, a sorted table of strings; crc32c: its checksums)
impostors          files under these names that are something else
"""
