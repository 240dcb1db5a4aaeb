"""One step over 16 rows is the same step however the rows are cut: at once, accumulated, over processes."""

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from hf_textclf.tokenization import PaddingCollator
from tests.helpers import ROOT
from tests.helpers.step import CELLS, FAMILIES, PROBLEMS, load, make_folder, make_rows, one_step
from tests.helpers.tiny import wordpiece_tokenizer

cells = pytest.mark.parametrize(("family", "problem", "weighted"), CELLS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for family in FAMILIES:
        for problem in PROBLEMS:
            make_folder(root / f"{family}-{problem}", family, problem)
    return root


@pytest.fixture(scope="module")
def whole(folders):
    """The step over all 16 rows at once, computed once per cell."""
    known = {}

    def step(family, problem, weighted):
        key = (family, problem, weighted)
        if key not in known:
            model = load(str(folders / f"{family}-{problem}"), problem)
            known[key] = one_step(model, problem, batch=16, accumulation=1, weighted=weighted)
        return known[key]

    return step


def difference(one, other):
    """The largest difference of two updates, in units of the largest movement."""
    assert one.keys() == other.keys()
    largest = max(update.abs().max() for update in one.values())
    assert largest > 1e-3
    return float(max((one[name] - other[name]).abs().max() for name in one) / largest)


@cells
def test_accumulated_step_is_the_same(folders, whole, family, problem, weighted):
    model = load(str(folders / f"{family}-{problem}"), problem)
    update = one_step(model, problem, batch=4, accumulation=4, weighted=weighted)
    assert difference(whole(family, problem, weighted), update) <= 1e-5


@cells
def test_step_is_the_gradient_of_the_textbook_loss(folders, whole, family, problem, weighted):
    # so that the cells above cannot agree on something wrong
    model = load(str(folders / f"{family}-{problem}"), problem)
    rows = make_rows(problem).remove_columns("length")
    batch = PaddingCollator(wordpiece_tokenizer())(list(rows))
    labels = batch.pop("labels")
    logits = model(**batch).logits
    factors = torch.tensor([0.4, 1.1, 2.7]) if weighted else torch.ones(3)
    if problem == PROBLEMS[0]:
        losses = -logits.log_softmax(-1)[range(16), labels] * factors[labels]
    else:
        losses = -(labels * logits.sigmoid().log() * factors + (1 - labels) * (-logits).sigmoid().log())
    losses.mean().backward()
    expected = {name: -torch.zeros_like(p) if p.grad is None else -p.grad for name, p in model.named_parameters()}
    assert difference(expected, whole(family, problem, weighted)) <= 1e-4


def test_without_our_flag_the_step_of_bert_grows(folders, whole):
    """Shows that the tests above can fail. Drop when transformers#47688 is closed."""
    problem = PROBLEMS[0]
    model = load(str(folders / f"bert-{problem}"), problem)
    assert model.accepts_loss_kwargs is False
    del model.accepts_loss_kwargs
    update = one_step(model, problem, batch=4, accumulation=4, weighted=False)
    assert difference(whole("bert", problem, False), update) > 1


@pytest.fixture(scope="module")
def two_processes(folders):
    """All cells in one launch of two real processes. In CI their absence is a failure, not a skip."""
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("torch comes without gloo: no two processes")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        [*command, "-m", "tests.helpers.step", str(folders)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return load_file(folders / "updates.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("accumulation", [1, 2])
@cells
def test_step_of_two_processes_is_the_same(two_processes, whole, family, problem, weighted, accumulation):
    prefix = f"{family}/{problem}/{weighted}/{accumulation}/"
    update = {name.removeprefix(prefix): tensor for name, tensor in two_processes.items() if name.startswith(prefix)}
    assert difference(whole(family, problem, weighted), update) <= 1e-5
