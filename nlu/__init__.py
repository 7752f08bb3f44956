"""Chinese text -> `Meaning`: the pipeline, how it is trained and how it is evaluated."""
