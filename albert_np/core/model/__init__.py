"""The model: embeddings, the shared block, the encoder, fusion, heads; albert.py puts them together."""
