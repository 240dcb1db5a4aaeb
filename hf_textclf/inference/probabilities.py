"""From what a model puts out to probabilities: one road for training, evaluation and prediction."""

import numpy as np


def to_probabilities(logits: np.ndarray, problem_type: str) -> np.ndarray:
    """What a model's logits say: softmax, sigmoid, or for regression the number itself.

    logits: (rows, labels). Returns the same shape, (rows,) for regression.
    """
    # not with the import of the package, which is measured
    from scipy.special import expit, softmax

    logits = np.asarray(logits)
    # float32 stays as it is: with 50,000 labels a float64 copy is gigabytes
    logits = logits.astype(np.promote_types(logits.dtype, np.float32), copy=False)
    match problem_type:
        case "single_label_classification":
            return softmax(logits, axis=-1)
        case "multi_label_classification":
            return expit(logits.astype(np.float64))
        case "regression":
            return logits.reshape(len(logits))
    raise ValueError(f"problem_type {problem_type!r} is not known")
