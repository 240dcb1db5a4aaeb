"""Serves this model on Hugging Face Inference Endpoints, whose toolkit imports this file and calls `EndpointHandler`.

It needs torch and transformers alone (5.20 or newer for home-made models), and what requirements.txt names. Long texts
are cut as hf-textclf cuts them; those that it reads in chunks are refused.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

BATCH_SIZE = 32


class EndpointHandler:
    """Texts in, all labels with their probabilities out.

    Args:
        path: The folder of the repository.
    """

    def __init__(self, path: str = ".") -> None:
        if not Path(path).is_dir():
            raise ValueError(f"{path!r} is no folder, expected that of the model's repository")
        # the code that is trusted lies in the folder beside this file, from the same author; that of the model says
        # which version of transformers it needs
        model = AutoModelForSequenceClassification.from_pretrained(
            path, trust_remote_code=True, use_safetensors=True, dtype=torch.float32
        )
        self.tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=True)
        self.model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        config = self.model.config
        self.problem_type = config.problem_type or ("regression" if config.num_labels == 1 else None)
        self.thresholds = (getattr(config, "calibration", None) or {}).get("thresholds") or [0.5] * config.num_labels

    def __call__(self, data: dict[str, Any]) -> list[list[dict[str, Any]]]:
        """Classify one text or several.

        Args:
            data: `inputs`, a text or a list of texts; `parameters`, of which there is `top_k`, the number of labels
                wanted of each text (all).

        Returns:
            For each text its labels, most probable first: `label`, `score` (the probability; for regression the
            number) and, for multi-label models, `predicted`, whether the score reaches the label's threshold.
        Raises ValueError: inputs or parameters of another kind; the toolkit answers 400 and sends the message.
        """
        texts = data.get("inputs")
        texts = [texts] if isinstance(texts, str) else texts
        # the messages name no text: what users sent is nothing for a log
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise ValueError("inputs: expected a text or a list of texts")
        parameters = data.get("parameters") or {}
        top_k = parameters.get("top_k") if isinstance(parameters, dict) else None
        if parameters not in ({}, {"top_k": top_k}) or not (top_k is None or type(top_k) is int and top_k > 0):
            raise ValueError("parameters: expected top_k alone, a number from 1 on")
        batches = (texts[start : start + BATCH_SIZE] for start in range(0, len(texts), BATCH_SIZE))
        return [self._answer(row)[:top_k] for batch in batches for row in self._scores(batch)]

    @torch.inference_mode()
    def _scores(self, texts: list[str]) -> list[list[float]]:
        """What the model says of each text, label by label."""
        batch = self.tokenizer(texts, truncation=True, padding=True, return_tensors="pt").to(self.model.device)
        # a text of which the tokenizer leaves nothing has no integers
        logits = self.model(**{name: rows.long() for name, rows in batch.items()}).logits
        if self.problem_type == "multi_label_classification":
            logits = logits.double().sigmoid()
        elif self.problem_type != "regression":
            logits = logits.softmax(-1)
        return logits.tolist()

    def _answer(self, scores: list[float]) -> list[dict[str, Any]]:
        labels: list[dict[str, Any]] = []
        for number, score in enumerate(scores):
            labels.append({"label": self.model.config.id2label[number], "score": score})
            if self.problem_type == "multi_label_classification":
                labels[-1]["predicted"] = score >= self.thresholds[number]
        return sorted(labels, key=lambda label: -label["score"])
