"""One optimiser step over the same 16 rows, cut in different ways. Also the script that real processes run:

torchrun --standalone --nproc_per_node 2 -m tests.helpers.step FOLDER   # FOLDER/updates.safetensors
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from datasets import Dataset
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification, TrainingArguments

import hf_textclf  # noqa: F401 (registers the home-made models)
from hf_textclf.models.frozen import FrozenEncoderForSequenceClassification
from hf_textclf.models.loading import load_for_finetuning
from hf_textclf.models.lstm import LSTMForSequenceClassification
from hf_textclf.tokenization import PaddingCollator
from hf_textclf.training.trainer import GroupedTrainer, WeightedLoss
from tests.helpers.tiny import tiny_config, tiny_frozen_config, wordpiece_tokenizer

FAMILIES = ("lstm", "bert", "frozen")
PROBLEMS = ("single_label_classification", "multi_label_classification")
CELLS = [(family, problem, weighted) for family in FAMILIES for problem in PROBLEMS for weighted in (False, True)]
ROWS, LABELS = 16, 3


def make_folder(folder, family, problem_type):
    """Save a tiny random model without dropout."""
    torch.manual_seed(5)
    if family == "lstm":
        model = LSTMForSequenceClassification(tiny_config(bidirectional=True, problem_type=problem_type))
    elif family == "frozen":
        config = tiny_frozen_config(problem_type=problem_type, classifier_dropout=0)
        model = FrozenEncoderForSequenceClassification(config)
        # the small weights of the start would hardly move
        model.dense.weight.data *= 30
    else:
        config = BertConfig(
            vocab_size=99, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=17,
            max_position_embeddings=13, num_labels=LABELS, problem_type=problem_type,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.3,
        )  # fmt: skip
        model = BertForSequenceClassification(config)
    model.save_pretrained(folder)
    return str(folder)


def load(folder, problem_type):
    """Load as a training run does, with the labels that the folder already has."""
    names = {number: f"LABEL_{number}" for number in range(LABELS)}
    labels = {"id2label": names, "label2id": {name: number for number, name in names.items()}}
    return load_for_finetuning(folder, labels | {"problem_type": problem_type})


def make_rows(problem_type):
    """Texts of 2 to 11 tokens with labels in unequal numbers."""
    draw = torch.Generator().manual_seed(7)
    rows = []
    for _ in range(ROWS):
        length = int(torch.randint(2, 12, (), generator=draw))
        ids = torch.randint(5, 99, (length,), generator=draw).tolist()
        multi = (torch.rand(LABELS, generator=draw) < torch.tensor([0.7, 0.2, 0.4])).float().tolist()
        single = int(torch.tensor([0.6, 0.3, 0.1]).multinomial(1, generator=draw))
        labels = single if problem_type == PROBLEMS[0] else multi
        rows.append({"input_ids": ids, "attention_mask": [1] * length, "length": length, "labels": labels})
    return Dataset.from_list(rows)


def one_step(model, problem_type, *, batch, accumulation, weighted, learning_rate=1.0):
    """Train for one step of plain SGD and return by how much each weight moved."""
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    loss = WeightedLoss(torch.tensor([0.4, 1.1, 2.7]), problem_type) if weighted else None
    with TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, max_steps=1, learning_rate=learning_rate, lr_scheduler_type="constant", optim="sgd",
            max_grad_norm=0.0, per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation,
            train_sampling_strategy="group_by_length", save_strategy="no", logging_strategy="no", disable_tqdm=True,
            use_cpu=True, dataloader_pin_memory=False,
        )  # fmt: skip
        trainer = GroupedTrainer(
            model, arguments, train_dataset=make_rows(problem_type), compute_loss_func=loss,
            data_collator=PaddingCollator(wordpiece_tokenizer()),
        )  # fmt: skip
        trainer.train()
        assert trainer.state.global_step == 1
    return {name: weight.detach().cpu() - before[name] for name, weight in model.named_parameters()}


def main(folder):
    """Step through all cells in this process and its siblings: 2 x 8, and 2 x 4 accumulated twice."""
    updates = {}
    for family, problem, weighted in CELLS:
        for batch, accumulation in ((8, 1), (4, 2)):
            model = load(str(folder / f"{family}-{problem}"), problem)
            moved = one_step(model, problem, batch=batch, accumulation=accumulation, weighted=weighted)
            for name, update in moved.items():
                updates[f"{family}/{problem}/{weighted}/{accumulation}/{name}"] = update.contiguous()
    assert torch.distributed.get_world_size() == 2
    if torch.distributed.get_rank() == 0:
        save_file(updates, folder / "updates.safetensors")
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
