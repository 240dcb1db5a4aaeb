"""A neural network with its tokenizer, from a saved folder or a Hub id: texts in, logits out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..models.loading import calibration_of, load_classifier, longest_text, problem_type_of
from ..tokenization import PaddingCollator, batches_by_length, check_agreement, encode, load_tokenizer


class Network:
    """An LSTM or any other sequence classifier of Transformers; arguments and errors as in `Classifier`."""

    def __init__(
        self, name_or_path: str, *, revision: str = "main", trust_remote_code: bool = False, device: str | None = None
    ) -> None:
        options: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = load_classifier(name_or_path, **options).to(self.device)
        self.tokenizer = load_tokenizer(name_or_path, **options)
        check_agreement(self.tokenizer, self.model.config)
        # many published tokenizers know no limit where their model has one
        limit = longest_text(self.model.config)
        if limit is not None and self.tokenizer.model_max_length > limit:
            self.tokenizer.model_max_length = limit
        self.collate = PaddingCollator(self.tokenizer)
        self.problem_type = problem_type_of(self.model.config)
        names = self.model.config.id2label
        self.label_names = [names[number] for number in range(len(names))]
        self.thresholds: list[float] | None = calibration_of(self.model.config)["thresholds"]
        self.num_parameters = self.model.num_parameters()

    @torch.inference_mode()
    def logits(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """Return the model's raw outputs, (texts, labels). Texts of similar length share a batch."""
        encoded = encode(self.tokenizer, list(texts))
        outputs = np.zeros((len(texts), len(self.label_names)), dtype=np.float32)
        for rows, batch in batches_by_length(encoded, self.collate, batch_size=batch_size):
            outputs[rows] = self.model(**batch.to(self.device)).logits.float().cpu().numpy()
        return outputs
