"""Properties are about results: eight busy test runs on two cores say nothing about a function's speed."""

from hypothesis import settings

settings.register_profile("adapters", deadline=None)
settings.load_profile("adapters")
