"""Projects of Rasa 1 and 2, rewritten as Rasa 3 has them: training data and stories in Markdown, domain, config.

| module | is |
|---|---|
| `markdown.py` | `nlu.md`, `stories.md`, `responses.md` as YAML |
| `config.py` | policies that Rasa 2 and 3 have no longer |
| `yaml_text.py` | data as YAML that people edit |

The domain's own upgrade is `flows/upgrade.py`, which the loader uses as well.
"""
