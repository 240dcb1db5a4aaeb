"""A few texts as rows of token ids, and every way to lay them out in a padded batch."""

import torch

LENGTHS = [5, 2, 3, 1, 4]


def texts(lengths=LENGTHS):
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(1, 99, (length,), generator=generator) for length in lengths]


def lay_out(rows, where, length=8):
    """Place each text in a row of pads; the pads are random ids, since their value must not matter."""
    input_ids = torch.randint(0, 99, (len(rows), length))
    mask = torch.zeros_like(input_ids)
    for number, row in enumerate(rows):
        count = len(row)
        places = {
            "right": torch.arange(count),
            "left": torch.arange(length - count, length),
            "middle": torch.arange(2, 2 + count),
            "holes": torch.randperm(length)[:count].sort().values,
        }[where]
        input_ids[number, places], mask[number, places] = row, 1
    return {"input_ids": input_ids, "attention_mask": mask}
