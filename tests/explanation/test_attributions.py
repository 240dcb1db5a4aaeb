"""Integrated gradients over words: they add up, and are those of other ways to compute them."""

import pytest
import torch
from captum.attr import LayerIntegratedGradients
from scipy.special import logit
from tokenizers.processors import BertProcessing
from torch import nn
from transformers import (
    AlbertConfig,
    AutoModelForSequenceClassification,
    BartConfig,
    DistilBertConfig,
    RobertaConfig,
)
from transformers.modeling_outputs import SequenceClassifierOutput

from hf_textclf import Classifier, UserError
from hf_textclf.explanation import attribute, pooling_weights, read_gates, word_gates
from hf_textclf.explanation.attributions import FIRST_STEPS, TOLERANCE
from hf_textclf.tokenization import train_tokenizer
from tests.helpers.tiny import TEXTS, tiny_bert_config, tiny_config, tiny_frozen_config

LENGTH, SEP = 40, 98
SIZES = {"vocab_size": 99, "num_labels": 3, "pad_token_id": 0, "max_position_embeddings": 50}
WIDTHS = {"hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 17}
FAMILIES = {
    "max": tiny_config(pooling="max", bidirectional=True),
    "attention": tiny_config(pooling="attention", bidirectional=True, num_hidden_layers=2),
    "self-attention": tiny_config(pooling="mean_max", num_attention_heads=7),
    "rnn": tiny_config(cell="rnn"),
    "frozen": tiny_frozen_config(),
    "bert": tiny_bert_config(max_position_embeddings=50, num_labels=3),
    "roberta": RobertaConfig(**SIZES, **WIDTHS),
    "albert": AlbertConfig(**SIZES, **WIDTHS, embedding_size=5),
    "distilbert": DistilBertConfig(vocab_size=99, num_labels=3, dim=12, n_layers=2, n_heads=3, hidden_dim=17),
}
KINDS = ["single_label_classification", "multi_label_classification", "regression"]


def saved(folder, config, problem_type=KINDS[0], *, add_special_tokens=True):
    """A classifier with weights so large that its answers differ from text to text."""
    torch.manual_seed(0)
    config.problem_type, config.num_labels = problem_type, 1 if problem_type == "regression" else 3
    model = AutoModelForSequenceClassification.from_config(config)
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    for parameter in matrices:
        # the head last: large weights there change how much is said, not how smoothly
        nn.init.normal_(parameter, std=2 if parameter is matrices[-1] else 0.3)
    model.save_pretrained(folder)
    # the same on every day, unlike what a trainer of `tokenizers` alone gives
    tokenizer = train_tokenizer(TEXTS, tokenizer_type="wordpiece", vocab_size=97, max_length=LENGTH)
    if add_special_tokens:
        tokenizer.add_special_tokens({"cls_token": "[CLS]", "sep_token": "[SEP]"})
        tokenizer.backend_tokenizer.post_processor = BertProcessing(("[SEP]", SEP), ("[CLS]", 97))
    tokenizer.save_pretrained(folder)
    return Classifier(folder, device="cpu")


def by_words(classifier, values, text):
    """Sum (length,) values of tokens over words, as the tokenizer numbers them."""
    ids = classifier.predictor.tokenizer(text, truncation=True).word_ids()
    sums = [0.0] * (max(number for number in ids if number is not None) + 1)
    for number, value in zip(ids, values, strict=True):
        if number is not None:
            sums[number] += float(value)
    return sums


@pytest.mark.parametrize("problem_type", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_contributions_add_up(tmp_path, family, problem_type):
    classifier = saved(tmp_path, FAMILIES[family], problem_type)
    label, differences = classifier.label_names[-1], []
    for text in TEXTS:
        found = attribute(classifier, text, label=label)
        probability = classifier([text])[0].probabilities[label]
        # what is explained is what the classifier says
        expected = probability if problem_type == "regression" else logit(probability)
        assert found.score == pytest.approx(expected, rel=1e-3, abs=2e-3)
        difference = found.score - found.baseline_score
        differences.append(abs(difference))
        assert sum(found.contributions) == pytest.approx(difference, rel=0.05, abs=0.01)
        assert found.delta == pytest.approx(sum(found.contributions) - difference)
        assert [text[start:end] for start, end in found.spans] == found.words
        assert "".join(found.words) == text.replace(" ", "") and found.unread == 0
    assert max(differences) > 0.1  # otherwise nothing was compared


class Bag(nn.Module):
    """The mean of the embeddings under a linear layer: what a word contributes can be written down."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, 5)
        self.head = nn.Linear(5, config.num_labels)

    def get_input_embeddings(self):
        return self.embedding

    def forward(self, input_ids=None, inputs_embeds=None, attention_mask=None):
        states = self.embedding(input_ids) if inputs_embeds is None else inputs_embeds
        mask = attention_mask[..., None]
        return SequenceClassifierOutput(logits=self.head((states * mask).sum(1) / mask.sum(1)))


@pytest.mark.parametrize("labels", [2, 3])
def test_a_linear_bag_in_closed_form(tmp_path, labels):
    classifier = saved(tmp_path, FAMILIES["rnn"], KINDS[0 if labels == 2 else 1])
    classifier.label_names = classifier.label_names[:labels]
    network = classifier.predictor
    network.model.config.num_labels = labels
    network.model = bag = Bag(network.model.config)
    network.label_names = classifier.label_names
    found = attribute(classifier, TEXTS[1], label=classifier.label_names[1])
    ids = network.tokenizer(TEXTS[1], return_tensors="pt")["input_ids"][0]
    # log-odds of one of two labels are linear too: the difference of the two rows
    weight = bag.head.weight[1] - bag.head.weight[0] if labels == 2 else bag.head.weight[1]
    expected = ((bag.embedding.weight[ids] - bag.embedding.weight[0]) @ weight / len(ids)).tolist()
    assert found.contributions == pytest.approx(by_words(classifier, expected, TEXTS[1]), abs=1e-5)
    assert found.steps == FIRST_STEPS and abs(found.delta) < 1e-5


class Cliff(Bag):
    """Rises by 10 within a thousandth of the way from no words to the text, as LSTMs with max pooling do."""

    def forward(self, **inputs):
        first = super().forward(**inputs).logits[:, :1]
        return SequenceClassifierOutput(logits=10 * torch.sigmoid(self.slope * (first - self.foot)))


def test_a_sudden_rise_is_found(tmp_path):
    classifier = saved(tmp_path, FAMILIES["rnn"], "regression")
    network = classifier.predictor
    network.model = cliff = Cliff(network.model.config)
    ids = network.tokenizer(TEXTS[1], return_tensors="pt")["input_ids"][0]
    with torch.no_grad():
        words = (cliff.embedding.weight[ids] - cliff.embedding.weight[0]) @ cliff.head.weight[0] / len(ids)
        words[[0, -1]] = 0  # [CLS] and [SEP] stay
        whole = cliff.head(cliff.embedding.weight[ids].mean(0))[0]
    cliff.foot, cliff.slope = (whole - 0.63 * words.sum()).item(), 9000 / words.sum().item()
    found = attribute(classifier, TEXTS[1])
    assert found.score - found.baseline_score == pytest.approx(10)
    expected = by_words(classifier, 10 * words / words.sum(), TEXTS[1])
    assert found.contributions == pytest.approx(expected, rel=0.03, abs=1e-3)
    assert found.steps > FIRST_STEPS


@pytest.mark.parametrize("family", ["attention", "bert"])
def test_other_ways_to_the_same_numbers(tmp_path, family):
    """A plain sum over many small steps, and captum's own way through the ids with its own count of the error."""
    classifier = saved(tmp_path, FAMILIES[family])
    network, text = classifier.predictor, TEXTS[3]
    model, batch = network.model, network.tokenizer(text, return_tensors="pt")
    found = attribute(classifier, text, label="LABEL_2")

    def log_odds(logits):
        return torch.logit(logits.double().softmax(1)[:, 2])

    ids = batch["input_ids"]
    # [CLS] and [SEP] stay
    blank = ids.clone()
    blank[0, 1:-1] = 0
    word, pad = model.get_input_embeddings()(ids).detach(), model.get_input_embeddings()(blank).detach()
    total, steps = torch.zeros_like(word), 400
    for step in range(steps):
        point = (pad + (step + 0.5) / steps * (word - pad)).requires_grad_()
        log_odds(model(inputs_embeds=point, attention_mask=batch["attention_mask"]).logits).backward()
        total += point.grad / steps
    expected = by_words(classifier, (total * (word - pad)).sum(-1)[0], text)
    assert found.contributions == pytest.approx(expected, abs=0.05)

    by_layer = LayerIntegratedGradients(
        lambda input_ids, mask: log_odds(model(input_ids, attention_mask=mask).logits), model.get_input_embeddings()
    )
    mask = batch["attention_mask"]
    values, delta = by_layer.attribute(
        ids, blank, additional_forward_args=(mask,), n_steps=found.steps, return_convergence_delta=True
    )
    assert found.contributions == pytest.approx(by_words(classifier, values.sum(-1)[0], text), abs=1e-3)
    assert found.delta == pytest.approx(delta.item(), abs=2e-3)


@pytest.mark.parametrize("add_special_tokens", [False, True])
@pytest.mark.parametrize("family", ["attention", "frozen"])
def test_texts_without_words_and_texts_too_long(tmp_path, family, add_special_tokens):
    classifier = saved(tmp_path, FAMILIES[family], add_special_tokens=add_special_tokens)
    for empty in ("", " \n\t"):
        found = attribute(classifier, empty)
        assert found.words == [] and found.contributions == [] and found.unread == 0
        assert found.score == found.baseline_score and found.delta == 0
        assert found.score == pytest.approx(logit(classifier([empty])[0].score), rel=1e-3)
    # one token each; two places are for [CLS] and [SEP]
    read = LENGTH - 2 * add_special_tokens
    found = attribute(classifier, "the " * 50)
    assert len(found.words) == read and found.unread == 50 - read


def test_steps_are_added_while_there_is_time(tmp_path):
    classifier = saved(tmp_path, FAMILIES["rnn"])
    steps = {text: attribute(classifier, text).steps for text in TEXTS}
    text = max(steps, key=steps.__getitem__)
    assert steps[text] >= 3 * FIRST_STEPS
    found = attribute(classifier, text, max_seconds=0)
    assert found.steps == FIRST_STEPS
    # what is left is told
    assert abs(found.delta) > TOLERANCE
    assert found.delta == pytest.approx(sum(found.contributions) - found.score + found.baseline_score)


def test_the_most_probable_label_is_the_default(tmp_path):
    for problem_type in KINDS:
        classifier = saved(tmp_path / problem_type, FAMILIES["max"], problem_type)
        for text in TEXTS[:3]:
            probabilities = classifier([text])[0].probabilities
            assert attribute(classifier, text).label == max(probabilities, key=probabilities.__getitem__)


def test_weights_of_attention_pooling(tmp_path):
    classifier = saved(tmp_path, FAMILIES["attention"], add_special_tokens=False)
    found = pooling_weights(classifier, TEXTS[3])
    assert found.words == attribute(classifier, TEXTS[3]).words
    model, batch = classifier.predictor.model, classifier.predictor.tokenizer(TEXTS[3], return_tensors="pt")
    pooler = model.lstm.pooler
    with torch.no_grad():
        states = model.lstm(**batch).last_hidden_state[0]
        weights = (pooler.context.weight @ torch.tanh(pooler.projection(states)).T)[0].softmax(0)
    assert len(weights) > len(found.words)  # several pieces a word
    assert found.weights == pytest.approx(by_words(classifier, weights, TEXTS[3]), abs=1e-6)
    assert sum(found.weights) == pytest.approx(1)
    assert pooling_weights(classifier, "").weights == []


@pytest.mark.parametrize("family", ["max", "frozen", "bert"])
def test_models_without_attention_pooling(tmp_path, family):
    assert pooling_weights(saved(tmp_path, FAMILIES[family]), TEXTS[0]) is None


def test_refusals(tmp_path):
    classifier = saved(tmp_path / "lstm", FAMILIES["max"])
    with pytest.raises(UserError, match="label 'sad' is unknown, expected one of LABEL_0, LABEL_1, LABEL_2"):
        attribute(classifier, TEXTS[0], label="sad")
    sizes = {"d_model": 12, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 9, "decoder_ffn_dim": 9}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    # it looks for [SEP] among the ids
    bart = saved(tmp_path / "bart", BartConfig(**SIZES, **sizes, **heads, eos_token_id=SEP))
    with pytest.raises(UserError, match="'bart' takes no inputs_embeds"):
        attribute(bart, TEXTS[0])


def test_gates_of_words(tmp_path):
    classifier = saved(tmp_path / "lstm", FAMILIES["attention"])
    found = word_gates(classifier, TEXTS[3])
    assert found.words == attribute(classifier, TEXTS[3]).words and found.unread == 0
    network = classifier.predictor
    by_token = read_gates(network.model, network.tokenizer(TEXTS[3], return_tensors="pt")["input_ids"])
    numbers = network.tokenizer(TEXTS[3]).word_ids()
    assert [(each.layer, each.direction) for each in found.readings] == [
        (layer, direction) for layer in (1, 2) for direction in ("forward", "backward")
    ]
    for mine, tokens in zip(found.readings, by_token, strict=True):
        for number in range(len(found.words)):
            places = [place for place, word in enumerate(numbers) if word == number]
            torch.testing.assert_close(mine.gates[0, number], tokens.gates[0, places].mean(0))
            torch.testing.assert_close(mine.cells[0, number], tokens.cells[0, places].mean(0))
    assert word_gates(classifier, "").words == []
    for family in ("rnn", "frozen"):
        assert word_gates(saved(tmp_path / family, FAMILIES[family]), TEXTS[0]) is None
