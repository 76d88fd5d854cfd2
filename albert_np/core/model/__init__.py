"""The model: embeddings, the shared block, the encoder, heads; albert.py is the whole forward and backward pass."""
