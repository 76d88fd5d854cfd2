"""Readers of weight files. Each returns {name: array} under the file's own names, and validates every byte that it uses.

safetensors_file   .safetensors       npz_file   .npz       shards   several files with an index
packed             our extension of safetensors: masks, int8, int4
bfloat16           a number type that NumPy does not have
torch_file         files of torch.save: torch_zip since release 1.6, torch_legacy before. Both contain a pickle; unpickle
                   interprets the few allowed opcodes, torch_values defines the few allowed objects
tensorflow         TensorFlow's V2 checkpoints, read and written: a sorted table of strings (table) with protocol buffers as
                   entries (bundle) and checksums (crc32c)
"""
