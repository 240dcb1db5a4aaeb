"""What several tests share: small data and models, fixtures, a Hub on this machine."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
