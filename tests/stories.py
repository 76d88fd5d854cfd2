"""A small text for runs that really train: sixty short stories, which several test folders share."""

STORIES = [
    f"{who} {what}. {then}."
    for who in ("The cat", "A grey dog", "The old horse", "My sister's bird", "The black goat")
    for what in ("sleeps in the barn", "runs over the wet field", "waits at the door", "drinks from the river")
    for then in ("Later it comes home", "Then nobody sees it again", "At last the rain stops")
]
TEXT = "\n\n".join("\n".join(STORIES[i : i + 4]) for i in range(0, len(STORIES), 4)) + "\n"
ROWS = [f"{story}\t{'cat' if 'cat' in story else 'dog' if 'dog' in story else 'other'}" for story in STORIES]

# Options of `pretrain` and `finetune` for a model that trains on this text in seconds.
SIZES = (
    "--vocab-size 60 --embedding-size 8 --hidden-size 12 --num-hidden-layers 2 --num-attention-heads 2 --intermediate-size 24 "
    "--max-length 32 --tokens-per-batch 256"
).split()
