"""How good a bot's understanding is: sentences judged by a model that never saw them, what the judgements add up to,
and the page that shows it."""
