"""`generate` on the language model: what Transformers' own tests of generation demand, which its source distribution
lacks, where a recurrent state can fulfil it. Each way is compared with reading everything anew or with another way."""

import pytest
import torch
from transformers import GenerationConfig, pipeline

from tests.helpers.tiny import wordpiece_tokenizer
from tests.models.lstm.test_modeling_lstm_lm import FREE, build, prompts

GREEDY = FREE | {"do_sample": False}
SAMPLING = FREE | {"do_sample": True, "top_k": 0}
WAYS = {
    "greedy": GREEDY,
    "sampling": SAMPLING | {"num_return_sequences": 2},
    "beams": GREEDY | {"num_beams": 3, "num_return_sequences": 2},
    "sampled beams": SAMPLING | {"num_beams": 3},
    "penalties": GREEDY | {"repetition_penalty": 1.2, "no_repeat_ngram_size": 2, "bad_words_ids": [[7]]},
}


@pytest.fixture(scope="module")
def model():
    return build(spread=2.0)  # generated texts wander


@torch.no_grad()
def states_read_anew(model, inputs, tokens):
    """The last layer's state at the prompt's end and at each generated token, one reading of everything."""
    mask = torch.cat([inputs["attention_mask"], torch.ones(tokens.shape, dtype=torch.long)], dim=1)
    ids = torch.cat([inputs["input_ids"], tokens], dim=1)
    outputs = model(ids, attention_mask=mask, output_hidden_states=True)
    return outputs.hidden_states[-1][:, inputs["input_ids"].shape[1] - 1 :], outputs.logits


@pytest.mark.parametrize("way", WAYS)
def test_with_and_without_a_cache(way, model):
    found = []
    for use_cache in (True, False):
        torch.manual_seed(0)
        found.append(model.generate(**prompts()[1], use_cache=use_cache, **WAYS[way]))
    assert torch.equal(*found)
    assert len(set(found[0][:, 5:].flatten().tolist())) > 3


def test_outputs_of_each_step(model):
    """Logits and hidden states of one token a step, and a prompt's all at once."""
    inputs = prompts()[1]
    asked = {"return_dict_in_generate": True, "output_logits": True, "output_hidden_states": True}
    found = model.generate(**inputs, **GREEDY, **asked)
    assert [step[0].shape[1] for step in found.hidden_states] == [5] + [1] * 11
    expected, logits = states_read_anew(model, inputs, found.sequences[:, 5:])
    states = torch.cat([step[-1][:, -1:] for step in found.hidden_states], dim=1)
    torch.testing.assert_close(states, expected[:, :-1], rtol=0, atol=1e-5)
    torch.testing.assert_close(torch.stack(found.logits, dim=1), logits[:, 4:-1], rtol=0, atol=1e-4)


@pytest.mark.parametrize("way", ["greedy", "beams"])
def test_from_embeddings(way, model):
    inputs = prompts()[1]
    expected = model.generate(**inputs, **WAYS[way])
    inputs["inputs_embeds"] = model.lstm.embed_tokens(inputs.pop("input_ids"))
    assert torch.equal(model.generate(**inputs, **WAYS[way]), expected[:, 5:])


def test_goes_on_from_where_it_stopped(model):
    """The last token has not been read when generation stops."""
    inputs = prompts()[1]
    expected = model.generate(**inputs, **GREEDY)
    first = model.generate(**inputs, **(GREEDY | {"max_new_tokens": 5}), return_dict_in_generate=True)
    last = first.sequences[:, -1:]
    options = GREEDY | {"max_new_tokens": 7, "attention_mask": torch.ones_like(last)}
    second = model.generate(last, cache_params=first.past_key_values, **options)
    assert torch.equal(torch.cat([first.sequences, second[:, 1:]], dim=1), expected)


def test_logits_of_some_positions(model):
    inputs = prompts()[1]
    with torch.no_grad():
        whole = model(**inputs).logits
        for kept in (1, 3, torch.tensor([0, 4])):
            found = model(**inputs, logits_to_keep=kept).logits
            expected = whole[:, -kept:] if isinstance(kept, int) else whole[:, kept]
            torch.testing.assert_close(found, expected)


def test_what_a_recurrent_state_cannot_do(model):
    one = torch.tensor([[5, 6, 7]])
    with pytest.raises(ValueError, match="not supported with stateful models"):
        model.generate(one, prompt_lookup_num_tokens=2, **GREEDY)
    with pytest.raises(ValueError, match=r"not used by the model: \['atention_mask'\]"):
        model.generate(one, atention_mask=torch.ones_like(one), **GREEDY)


def test_loss_against_labels_shifted_by_the_caller():
    """As the Trainer passes them where a text is spread over several devices; training and evaluation alike."""
    model, inputs = build(), prompts()[1]
    labels = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)
    shifted = torch.cat([labels[:, 1:], torch.full((3, 1), -100)], dim=1)
    wrong = torch.ones_like(labels)
    for training in (True, False):
        model.train(training)
        expected = model(**inputs, labels=labels).loss
        torch.testing.assert_close(model(**inputs, labels=wrong, shift_labels=shifted).loss, expected)


def test_pipeline_of_transformers(tmp_path):
    """A batch, padded on the left, gives what each text gives alone."""
    model, tokenizer = build(spread=2.0), wordpiece_tokenizer()
    model.generation_config = GenerationConfig(pad_token_id=tokenizer.pad_token_id, max_new_tokens=6, do_sample=False)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    generator = pipeline("text-generation", str(tmp_path), device="cpu")
    texts = ["good", "a good film and a bad one", "the"]
    alone = [generator(text)[0]["generated_text"] for text in texts]
    together = [found[0]["generated_text"] for found in generator(texts, batch_size=3)]
    assert together == alone and all(len(found) > len(text) for found, text in zip(alone, texts, strict=True))
