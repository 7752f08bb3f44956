"""Policies: what to do next, told by rules, by stories known by heart, and by what was learned from stories."""
