"""`Meaning` + dialogue -> replies: the dialogue engine."""
