"""Readers of the files that weights come in: each gives {name: array} under the file's own names, and trusts no byte of it.

safetensors_file   .safetensors       npz_file   .npz       shards   several files with an index
bfloat16           the one number type that NumPy lacks
torch_file         what torch.save wrote: torch_zip since release 1.6, torch_legacy before; both hold a pickle, of which unpickle
                   runs the little that is allowed, and torch_values says what it may build
tensorflow         TensorFlow's V2 checkpoints, read and written: the index is a sorted table of strings (table), its entries are
                   protocol buffers (bundle), everything has a checksum (crc32c)
"""
