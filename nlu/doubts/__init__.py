"""A long look at the training data, with the help of models: what seems mislabelled, what is nearly the same, which
intents are too alike, and what the examples do not cover. `nlu/review.py` is the short look, without any training."""
