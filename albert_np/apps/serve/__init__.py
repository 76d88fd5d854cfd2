"""A small HTTP service: JSON requests answered by one model, and a page to try it.

services    what a model answers: a trained task, or [MASK]
queue       requests that come together are computed together, as one batch without padding
app         the routes, the limits, and what is refused
"""
