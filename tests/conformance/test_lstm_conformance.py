"""Transformers' common model and configuration tests on the LSTM family."""

import unittest
from unittest import mock

import pytest
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    MODEL_MAPPING_NAMES,
)

from hf_textclf import LSTMConfig, LSTMForCausalLM, LSTMForSequenceClassification, LSTMModel
from tests.conformance import upstream

modeling = upstream.load("test_modeling_common")
configuration = upstream.load("test_configuration_common")
training = upstream.load("test_training_mixin")

pytestmark = pytest.mark.slow


class LSTMModelTester:
    """Builds what ModelTesterMixin runs on."""

    batch_size = 13
    seq_length = 7
    # the mixin expects every hidden state, the embeddings too, to have one width
    hidden_size = 32
    num_hidden_layers = 2
    is_training = True

    def __init__(self, **options):
        self.options = options

    def get_config(self):
        directions = 1 + self.options.get("bidirectional", False)
        return LSTMConfig(
            vocab_size=99,
            embedding_size=self.hidden_size,
            hidden_size=self.hidden_size // directions,
            num_hidden_layers=self.num_hidden_layers,
            **self.options,
        )

    def prepare_config_and_inputs_for_common(self):
        shape = [self.batch_size, self.seq_length]
        input_ids = modeling.ids_tensor(shape, 99)
        return self.get_config(), {"input_ids": input_ids, "attention_mask": modeling.random_attention_mask(shape)}


class LSTMModelConformanceTest(modeling.ModelTesterMixin, unittest.TestCase):
    all_model_classes = (LSTMModel, LSTMForSequenceClassification)
    # attention stands before the pooling, once; the mixin means one (heads, length, length) per layer
    has_attentions = False
    options = {}

    @classmethod
    def setUpClass(cls):
        # the mixin knows by these names which class is a base model and which takes labels
        for mapping, model in (
            (MODEL_MAPPING_NAMES, LSTMModel),
            (MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES, LSTMForSequenceClassification),
            (MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, LSTMForCausalLM),
        ):
            patch = mock.patch.dict(mapping, {LSTMConfig.model_type: model.__name__})
            patch.start()
            cls.addClassCleanup(patch.stop)

    def setUp(self):
        self.model_tester = LSTMModelTester(**self.options)


class BidirectionalConformanceTest(LSTMModelConformanceTest):
    """Every kind of parameter that the family has."""

    options = {"bidirectional": True, "pooling": "attention"}


class AttendingRNNConformanceTest(LSTMModelConformanceTest):
    """The other cell, and self-attention over its states."""

    options = {"cell": "rnn", "num_attention_heads": 2, "pooling": "mean_max"}


class LanguageModelConformanceTest(LSTMModelConformanceTest, training.TrainingTesterMixin):
    """Also learns a text by heart and generates it."""

    all_model_classes = (LSTMForCausalLM,)
    # 300 steps of Transformers' 1e-3 take an LSTM of this size less than half the way
    training_overfit_learning_rate = 1e-2

    @unittest.skip("not in the source distribution; ours is tests/models/lstm/test_modeling_lstm_lm_generation.py")
    def test_generation_tester_mixin_inheritance(self):
        pass


class LSTMConfigConformanceTest(unittest.TestCase):
    def setUp(self):
        self.model_tester = LSTMModelTester()
        self.config_tester = configuration.ConfigTester(
            self,
            config_class=LSTMConfig,
            vocab_size=99,
            embedding_size=11,
            hidden_size=7,
            pooling="attention",
            recurrent_dropout=0.25,
        )

    def test_config(self):
        self.config_tester.run_common_tests()
