"""The frozen family: what its features are, around any encoder, and that nothing ever trains the encoder."""

import pytest
import torch
import torch.nn.functional as F
from huggingface_hub.errors import StrictDataclassError
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    DebertaV2Config,
    DistilBertConfig,
    GPT2Config,
    RobertaConfig,
    T5Config,
    XLNetConfig,
)

from hf_textclf.models.frozen import FrozenEncoderForSequenceClassification, FrozenEncoderModel
from tests.helpers.batches import lay_out, texts
from tests.helpers.tiny import tiny_bert_config, tiny_frozen_config

SIZES = {"vocab_size": 99, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3}
# absolute and relative positions, positions counted from the id of padding, decoders, an encoder beside a decoder
ENCODERS = {
    "bert": tiny_bert_config(),
    "roberta": RobertaConfig(**SIZES, intermediate_size=17, max_position_embeddings=16, pad_token_id=1),
    "distilbert": DistilBertConfig(vocab_size=99, dim=12, n_layers=2, n_heads=3, hidden_dim=17),
    "deberta": DebertaV2Config(**SIZES, intermediate_size=17, relative_attention=True, pos_att_type=["p2c", "c2p"]),
    "xlnet": XLNetConfig(vocab_size=99, d_model=12, n_layer=2, n_head=3, d_inner=17),
    "gpt2": GPT2Config(vocab_size=99, n_embd=12, n_layer=2, n_head=3, bos_token_id=1, eos_token_id=2),
    "t5": T5Config(vocab_size=99, d_model=12, d_kv=4, num_layers=2, num_heads=3, d_ff=17),
}
POOLINGS = ["cls", "mean"]
HEAD = {"dense.weight", "dense.bias", "classifier.weight", "classifier.bias"}


def build(kind=FrozenEncoderForSequenceClassification, **options):
    """Large random weights everywhere: with those of the start, texts hardly differ and biases are zero."""
    torch.manual_seed(0)
    model = kind(tiny_frozen_config(**options)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model


@pytest.mark.parametrize("feature_pooling", POOLINGS)
@torch.no_grad()
def test_features_are_those_of_the_stock_encoder(feature_pooling):
    """One text at a time through AutoModel, no padding, and the head written out."""
    model = build(feature_pooling=feature_pooling)
    stock = AutoModel.from_config(model.config.encoder_config).eval()
    stock.load_state_dict(model.frozen.encoder.state_dict())
    rows = texts()
    for row, found in zip(rows, model(**lay_out(rows, "right")).logits, strict=True):
        states = stock(row[None]).last_hidden_state[0]
        features = states[0] if feature_pooling == "cls" else states.mean(0)
        hidden = F.relu(model.dense.weight @ features + model.dense.bias)
        expected = model.classifier.weight @ hidden + model.classifier.bias
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("feature_pooling", POOLINGS)
@pytest.mark.parametrize("encoder", ENCODERS)
@torch.no_grad()
def test_padding_and_batching_change_nothing(encoder, feature_pooling):
    model = build(encoder=ENCODERS[encoder], feature_pooling=feature_pooling)
    # two ids have a meaning of their own, which some encoders act on
    rows = [row.clamp(min=3) for row in texts()]
    alone = torch.cat([model(row[None]).logits for row in rows])
    assert alone.std(0).min() > 1e-3  # the texts differ, so equality below says something
    for where in ("right", "left", "middle", "holes"):
        batch = lay_out(rows, where)
        batch["input_ids"].clamp_(min=3)
        torch.testing.assert_close(model(**batch).logits, alone, rtol=0, atol=1e-5, msg=where)


@pytest.mark.parametrize("encoder", ENCODERS)
@torch.no_grad()
def test_any_encoder_is_saved_whole(encoder, tmp_path):
    model = build(encoder=ENCODERS[encoder])
    model.save_pretrained(tmp_path)
    loaded, report = AutoModelForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    batch = lay_out(texts(), "left")
    assert torch.equal(loaded(**batch).logits, model(**batch).logits)


@pytest.mark.parametrize("encoder", ["bert", "t5"])
@torch.no_grad()
def test_load_encoder(encoder):
    stock = AutoModel.from_config(ENCODERS[encoder])
    body = FrozenEncoderModel(tiny_frozen_config(encoder=ENCODERS[encoder]))
    table = stock.get_input_embeddings().weight
    assert not torch.equal(body.get_input_embeddings().weight, table)
    body.load_encoder(stock)
    assert torch.equal(body.get_input_embeddings().weight, table)


@pytest.mark.parametrize("feature_pooling", POOLINGS)
@torch.no_grad()
def test_empty_texts(feature_pooling):
    """Their features are zero, whatever stands beside them."""
    model = build(feature_pooling=feature_pooling)
    empty = model(features=torch.zeros(1, 12)).logits[0]
    inputs = lay_out([texts()[0], torch.empty(0, dtype=torch.long)], "left")
    among = model(**inputs)
    assert not model.frozen(**inputs).pooler_output[1].any()
    torch.testing.assert_close(among.logits[1], empty)
    torch.testing.assert_close(among.logits[0], model(texts()[0][None]).logits[0], rtol=0, atol=1e-5)
    only = model(torch.ones(2, 3, dtype=torch.long), attention_mask=torch.zeros(2, 3, dtype=torch.long))
    torch.testing.assert_close(only.logits, empty.expand(2, 3))
    for batch, length in ((2, 0), (0, 3), (0, 0)):
        input_ids = torch.zeros(batch, length, dtype=torch.long)
        for mask in (None, torch.ones_like(input_ids)):
            torch.testing.assert_close(model(input_ids, attention_mask=mask).logits, empty.expand(batch, 3))


@torch.no_grad()
def test_masks_of_every_type_and_none():
    model, inputs = build(), lay_out(texts(), "left")
    expected = model(**inputs).logits
    for kind in (torch.bool, torch.float32, torch.int32):
        mask = inputs["attention_mask"].to(kind)
        assert torch.equal(model(inputs["input_ids"], attention_mask=mask).logits, expected)
    full = torch.ones_like(inputs["input_ids"])
    by_none = model(inputs["input_ids"]).logits
    torch.testing.assert_close(by_none, model(inputs["input_ids"], attention_mask=full).logits, rtol=0, atol=1e-6)


@torch.no_grad()
def test_token_types_move_with_their_tokens():
    model, inputs = build(), lay_out([texts()[0]], "left")
    kinds = torch.tensor([[0, 0, 0, 0, 1, 0, 1, 1]])
    alone = model(texts()[0][None], token_type_ids=kinds[:, -5:]).logits
    assert not torch.allclose(alone, model(texts()[0][None]).logits, atol=1e-3)
    torch.testing.assert_close(model(**inputs, token_type_ids=kinds).logits, alone, rtol=0, atol=1e-5)


@torch.no_grad()
def test_embeddings_in_place_of_ids():
    model, inputs = build(), lay_out(texts(), "holes")
    input_ids, mask = inputs["input_ids"], inputs["attention_mask"]
    embeddings = model.get_input_embeddings()(input_ids)
    torch.testing.assert_close(model(inputs_embeds=embeddings, attention_mask=mask).logits, model(**inputs).logits)
    for wrong in ({}, {"input_ids": input_ids, "inputs_embeds": embeddings}):
        with pytest.raises(ValueError, match="exactly one of input_ids and inputs_embeds"):
            model(**wrong)


@torch.no_grad()
def test_features_in_place_of_texts():
    model, inputs = build(), lay_out(texts(), "right")
    features = model.frozen(**inputs).pooler_output
    labels = torch.tensor([0, 2, 1, 1, 0])
    found, expected = model(features=features, labels=labels), model(**inputs, labels=labels)
    assert torch.equal(found.logits, expected.logits) and torch.equal(found.loss, expected.loss)


@pytest.mark.parametrize("loaded", [False, True], ids=["new", "loaded"])
@pytest.mark.parametrize("through", ["texts", "features"])
def test_a_step_of_training_leaves_the_encoder_as_it_is(loaded, through, tmp_path):
    """With weight decay and dropout in the encoder's configuration, right after construction and after loading."""
    model = build(encoder=tiny_bert_config(hidden_dropout_prob=0.5))
    if loaded:
        model.save_pretrained(tmp_path)
        model = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    model.train()
    assert {name for name, parameter in model.named_parameters() if parameter.requires_grad} == HEAD
    inputs = lay_out(texts(), "right")
    features = model.frozen(**inputs).pooler_output
    assert torch.equal(features, model.frozen(**inputs).pooler_output)  # no dropout
    assert not features.requires_grad
    inputs = {"features": features} if through == "features" else inputs
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.5)
    for _ in range(2):
        model(**inputs, labels=torch.tensor([0, 2, 1, 1, 0])).loss.backward()
        optimizer.step()
    moved = {name for name, weight in model.state_dict().items() if not torch.equal(weight, before[name])}
    assert moved == HEAD


def test_thawing_lasts_until_the_next_training_mode():
    """A frozen encoder is what the family is; whoever wants to train one takes the encoder itself."""
    model = build().requires_grad_(True).train()
    assert not any(parameter.requires_grad for parameter in model.frozen.parameters())
    assert model.training and model.dropout.training
    assert not any(module.training for module in model.frozen.encoder.modules())


def test_gradients_reach_the_embeddings_of_a_text():
    """What attributions need, although no weight below the head asks for gradients."""
    model = build()
    embeddings = torch.randn(1, 4, 12, requires_grad=True)
    model(inputs_embeds=embeddings).logits[0, 0].backward()
    assert embeddings.grad.abs().sum(-1).all()


def test_dropout_acts_before_the_last_layer_in_training_only():
    model = build(classifier_dropout=0.5)
    seen = []
    model.classifier.register_forward_pre_hook(lambda module, args: seen.append(args[0].detach()))
    features = torch.randn(50, 12)
    model.eval()(features=features)
    model.train()(features=features)
    hidden, dropped = seen
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], 2 * hidden[kept])
    assert 0.3 < kept[hidden > 0].float().mean() < 0.7


@pytest.mark.parametrize("problem_type", ["single_label_classification", "multi_label_classification", "regression"])
def test_loss(problem_type):
    single, regression = problem_type == "single_label_classification", problem_type == "regression"
    model = build(problem_type=problem_type, num_labels=1 if regression else 3)
    inputs = lay_out(texts(), "right")
    logits = model(**inputs).logits
    if single:
        labels = torch.tensor([0, 2, 1, 1, 0])
        expected = F.cross_entropy(logits, labels)
    elif regression:
        labels = torch.tensor([0.5, -1.0, 2.0, 0.0, 1.5])
        expected = F.mse_loss(logits[:, 0], labels)
    else:
        labels = torch.randint(0, 2, (5, 3)).float()
        expected = F.binary_cross_entropy_with_logits(logits, labels)
    torch.testing.assert_close(model(**inputs, labels=labels).loss, expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("feature_pooling", "max"),
        ("feature_pooling", None),
        ("head_size", 0),
        ("head_size", 7.5),
        ("classifier_dropout", 1),
        ("classifier_dropout", "0.5"),
    ],
)
def test_config_refuses(name, value):
    with pytest.raises(StrictDataclassError, match=name):
        tiny_frozen_config(**{name: value})


def test_config_of_an_unknown_encoder():
    with pytest.raises(ValueError, match="unheard-of"):
        tiny_frozen_config(encoder={"model_type": "unheard-of"})
