"""A small HTTP service: one model answers JSON requests, and a page to try it.

services     turn requests into examples and examples into answers, for a trained task or for [MASK]
embeddings   the same for sentence vectors
queue        compute waiting requests together, as one batch without padding
app          the routes, the limits, and the errors
"""
