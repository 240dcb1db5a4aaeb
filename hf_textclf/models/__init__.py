"""The networks, their registration, how they are loaded and initialised."""

# before the families: what they import of Transformers loads it, and their registration comes behind it
import transformers.models.auto.configuration_auto  # noqa: F401
