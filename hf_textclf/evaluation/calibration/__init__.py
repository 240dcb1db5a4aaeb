"""Calibration: probabilities that mean something, and the thresholds to read labels from them."""

from .calibrate import CalibrationArguments, calibrate
from .fitting import fit_temperature, fit_thresholds
from .folding import classification_head, fold_temperature
from .model import CHECKED_TEXTS, Calibration, calibrate_model, check_calibration

__all__ = [
    "CHECKED_TEXTS",
    "Calibration",
    "CalibrationArguments",
    "calibrate",
    "calibrate_model",
    "check_calibration",
    "classification_head",
    "fit_temperature",
    "fit_thresholds",
    "fold_temperature",
]
