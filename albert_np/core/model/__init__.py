"""The model: embeddings, the shared block, the encoder, fusion, heads; albert.py is the whole forward and backward pass."""
