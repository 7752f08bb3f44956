"""Projects of Rasa 3: their domain, stories, rules, forms and policies, as a dialect of the engine.

| module | is |
|---|---|
| `events.py` | what happened, in Rasa's own JSON |
| `tracker.py` | the state that events add up to |
| `domain.py` | what Rasa's domain says beyond ours: forms, mappings, featurized slots, used entities |
| `stories.py` | stories and rules of `data/`, read and unrolled |
| `states.py` | what policies see of a tracker |
| `policies/` | rules, memoization, the learned policy, and which of them is believed |
| `extraction.py` `forms.py` `defaults.py` | Rasa's built-in actions |
| `engine.py` | one turn |
"""
