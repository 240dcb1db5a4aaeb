"""The order of the training rows: fixed by seed and epoch, grouped by length, each row once."""

import numpy as np
import pytest
import torch
from transformers import TrainingArguments

from hf_textclf.tokenization import PaddingCollator
from hf_textclf.training.trainer import EpochSampler, GroupedTrainer
from tests.helpers.step import load, make_folder, make_rows
from tests.helpers.tiny import wordpiece_tokenizer

LENGTHS = np.random.default_rng(3).integers(1, 60, size=501).tolist()
BATCH = 8


def order(*, seed=42, epoch=0, lengths=LENGTHS):
    sampler = EpochSampler(seed=seed, batch_size=BATCH, lengths=lengths)
    sampler.set_epoch(epoch)
    return list(sampler)


def padding(rows):
    """Number of cells that are padding, in batches of this order."""
    batches = [[LENGTHS[row] for row in rows[start : start + BATCH]] for start in range(0, len(rows), BATCH)]
    return sum(max(batch) * len(batch) - sum(batch) for batch in batches)


def test_same_seed_and_epoch_give_the_same_order():
    torch.manual_seed(1)
    first = order(epoch=3)
    torch.manual_seed(2)
    assert order(epoch=3) == first


@pytest.mark.parametrize("changes", [{"epoch": 2}, {"seed": 43, "epoch": 1}, {"seed": 7, "epoch": 1}])
def test_another_seed_or_epoch_gives_another_order(changes):
    assert order(**changes) != order(epoch=1)


def test_drawing_an_order_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    order()
    assert torch.equal(torch.rand(3), expected)


def test_each_row_stands_there_once():
    assert sorted(order(epoch=5)) == list(range(len(LENGTHS)))
    assert sorted(order(lengths=[4])) == [0]


def test_batches_hold_texts_of_similar_length():
    shuffled = np.random.default_rng(1).permutation(len(LENGTHS)).tolist()
    assert padding(order()) < 0.2 * padding(shuffled)


def test_two_epochs_of_the_trainer_differ_and_a_second_run_repeats_them(tmp_path):
    problem = "single_label_classification"
    folder = make_folder(tmp_path / "lstm", "lstm", problem)
    collate = PaddingCollator(wordpiece_tokenizer())

    def batches():
        seen = []

        def note(rows):
            seen.append([tuple(row["input_ids"]) for row in rows])
            return collate(rows)

        arguments = TrainingArguments(
            output_dir=tmp_path / "run", num_train_epochs=2, per_device_train_batch_size=3, save_strategy="no",
            train_sampling_strategy="group_by_length", disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False,
        )  # fmt: skip
        data = make_rows(problem)
        GroupedTrainer(load(folder, problem), arguments, train_dataset=data, data_collator=note).train()
        return seen[: len(seen) // 2], seen[len(seen) // 2 :]

    first, second = batches()
    assert first != second
    assert sorted(sum(first, [])) == sorted(sum(second, []))
    assert (first, second) == batches()
