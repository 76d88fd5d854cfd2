"""The Python side of the site's live pages, which run in the reader's browser. It needs no browser: the tests call it as it is.

rows         sentence pairs of a text: the batches of a small training run
training     Training: vocabulary, model, steps, a gradient check, masks filled in, the saved folder
train_page   the calls of the page "Train an ALBERT in your browser"
exercises    the calls of the page of the exercises
sample       the text that is there to begin with

A browser's worker hears of Stop only between two calls. So a call trains for part of a second and returns what there is to show.
"""
