"""The language model: generation with a cache against recomputing everything, the loss in chunks against torch's, and
saved folders."""

import os
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from transformers import AutoModel, AutoModelForCausalLM, GenerationConfig

from hf_textclf import LSTMForCausalLM
from hf_textclf.models.lstm.modeling_lstm_lm import CHUNK, linear_cross_entropy
from tests.helpers.tiny import tiny_config

CODE = ["configuration_lstm.py", "layers_lstm.py", "modeling_lstm.py", "modeling_lstm_lm.py"]
FREE = {"pad_token_id": 0, "eos_token_id": None, "max_new_tokens": 12}


def build(spread=1.0, **options):
    torch.manual_seed(0)
    model = LSTMForCausalLM(tiny_config(**{"num_hidden_layers": 2} | options)).eval()
    for name, parameter in model.named_parameters():
        nn.init.normal_(parameter, std=0.1 if name.endswith("bias") else spread)
    return model


def prompts():
    """Three texts of different lengths, padded on the left."""
    texts = [[5, 6, 7, 8, 9], [17], [33, 41, 60]]
    ids = torch.tensor([[0] * (5 - len(text)) + text for text in texts])
    return texts, {"input_ids": ids, "attention_mask": (ids != 0).long()}


@torch.no_grad()
def naive_greedy(model, text, steps):
    """Read the whole text anew for each token."""
    for _ in range(steps):
        text = [*text, int(model(torch.tensor([text])).logits[0, -1].argmax())]
    return text


def test_greedy_generation_is_a_naive_loop():
    model = build(spread=3.0)  # generated texts wander
    texts, inputs = prompts()
    found = model.generate(**inputs, do_sample=False, **FREE)
    for row, text in zip(found.tolist(), texts, strict=True):
        assert row[5:] == naive_greedy(model, text, 12)[len(text) :]
    assert len(set(found[:, 5:].flatten().tolist())) > 5


def test_generation_reads_one_token_a_step():
    model = build()
    lengths = []
    model.lstm.layers[0].lstm.register_forward_hook(lambda *call: lengths.append(call[1][0].batch_sizes.tolist()))
    model.generate(**prompts()[1], do_sample=False, **FREE)
    assert lengths == [[3, 2, 2, 1, 1], *[[3]] * 11]


def test_beam_search_with_and_without_a_cache():
    model, inputs = build(), prompts()[1]
    with_cache, without = (model.generate(**inputs, num_beams=4, use_cache=cache, **FREE) for cache in (True, False))
    assert torch.equal(with_cache, without)


@torch.no_grad()
def test_states_handed_over_are_those_of_one_reading():
    """In two parts, with pads in between and a text without a token in the second part."""
    model = build(embedding_size=7)
    whole = torch.randint(1, 99, (3, 9))
    mask = torch.ones_like(whole)
    mask[0, 2:4] = mask[1, 4:] = mask[2, :6] = 0
    expected = model(whole, attention_mask=mask, output_hidden_states=True)
    first = model(whole[:, :4], attention_mask=mask[:, :4], use_cache=True)
    second = model(
        whole[:, 4:], attention_mask=mask[:, 4:], cache_params=first.cache_params, output_hidden_states=True
    )
    logits = torch.cat([first.logits, second.logits], dim=1)
    torch.testing.assert_close(logits[mask.bool()], expected.logits[mask.bool()], rtol=0, atol=1e-5)
    for part, full in zip(second.hidden_states[1:], expected.hidden_states[1:], strict=True):
        torch.testing.assert_close(part, full[:, 4:], rtol=0, atol=1e-5)
    assert second.cache_params is None and first.cache_params[0].shape == (2, 3, 7)


@pytest.mark.parametrize("frozen", [False, True])
def test_loss_in_chunks_is_that_of_torch(frozen):
    """With labels left out, over more than one chunk, and its gradients."""
    torch.manual_seed(0)
    rows = 2 * CHUNK + 3
    tensors = [torch.randn(rows, 5), 50 * torch.randn(13, 5), torch.randn(13)]  # some probabilities underflow
    labels = torch.randint(0, 13, (rows,)).masked_fill(torch.rand(rows) < 0.3, -100)
    found, expected = ([t.clone().requires_grad_(i != 1 or not frozen) for i, t in enumerate(tensors)] for _ in "ab")
    loss = linear_cross_entropy(*found, labels)
    reference = F.cross_entropy(F.linear(*expected), labels)
    torch.testing.assert_close(loss, reference)
    (3 * loss).backward()
    (3 * reference).backward()
    for mine, theirs in zip(found, expected, strict=True):
        if theirs.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-6)
    assert (found[1].grad is None) == frozen
    assert linear_cross_entropy(*found, torch.full_like(labels, -100)) == 0
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(linear_cross_entropy(*found, labels), reference, rtol=0.01, atol=0)


def test_training_and_evaluation_have_one_loss():
    """Training takes the chunks, evaluation the logits; pads count in neither."""
    model, inputs = build(), prompts()[1]
    labels = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)
    evaluated = model(**inputs, labels=labels)
    trained = model.train()(**inputs, labels=labels)
    torch.testing.assert_close(trained.loss, evaluated.loss)
    assert trained.logits is None and evaluated.logits.shape == (3, 5, 99)
    trained.loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        half = model(**inputs, labels=labels)
    torch.testing.assert_close(half.loss, evaluated.loss, rtol=0.02, atol=0)


@pytest.mark.parametrize("embedding_size", [7, 11])
def test_saved_and_loaded(embedding_size, tmp_path):
    model = build(embedding_size=embedding_size)
    model.generation_config = GenerationConfig(eos_token_id=3, bos_token_id=3, pad_token_id=0)
    model.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.py")) == CODE
    loaded, report = AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert loaded.lm_head.weight is loaded.lstm.embed_tokens.weight
    assert isinstance(loaded.projection, nn.Identity) == (embedding_size == 7)
    ids = prompts()[1]["input_ids"]
    with torch.no_grad():
        assert torch.equal(loaded(ids).logits, model(ids).logits)
        body = AutoModel.from_pretrained(tmp_path)
        assert torch.equal(body(ids).last_hidden_state, model.lstm(ids).last_hidden_state)
    assert model.lstm(ids).pooler_output is None
    assert loaded.generate(max_new_tokens=3, do_sample=False)[0, 0] == 3
    loaded.resize_token_embeddings(105)
    assert loaded.lm_head.weight is loaded.lstm.embed_tokens.weight and loaded(ids).logits.shape[-1] == 105


def test_loads_without_the_package(tmp_path):
    build().save_pretrained(tmp_path / "lm")
    code = """
import sys
sys.modules["hf_textclf"] = None
import torch
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained("lm", trust_remote_code=True)
print(model.generate(torch.tensor([[5, 6, 7, 8, 9]]), do_sample=False, pad_token_id=0, max_new_tokens=12)[0].tolist())
"""
    env = os.environ | {"HF_MODULES_CACHE": str(tmp_path / "modules")}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(naive_greedy(build(), [5, 6, 7, 8, 9], 12))


def test_what_cannot_go_on_is_refused():
    with pytest.raises(ValueError, match="bidirectional=True has read the next token"):
        LSTMForCausalLM(tiny_config(bidirectional=True))
    with pytest.raises(ValueError, match="cell='rnn' does not remember"):
        LSTMForCausalLM(tiny_config(cell="rnn"))
