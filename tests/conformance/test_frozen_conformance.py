"""Transformers' common model and configuration tests on the frozen family, around a tiny BERT."""

import unittest
from unittest import mock

import pytest
import torch
from transformers import BertConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    MODEL_MAPPING_NAMES,
)

from hf_textclf.models.frozen import FrozenEncoderConfig, FrozenEncoderForSequenceClassification, FrozenEncoderModel
from tests.conformance import upstream

modeling = upstream.load("test_modeling_common")
configuration = upstream.load("test_configuration_common")

pytestmark = pytest.mark.slow


class FrozenModelTester:
    """Builds what ModelTesterMixin runs on."""

    batch_size = 13
    seq_length = 7
    hidden_size = 32
    num_hidden_layers = 2
    num_attention_heads = 4
    is_training = True

    def get_config(self):
        encoder = BertConfig(
            vocab_size=99,
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            intermediate_size=37,
            max_position_embeddings=64,
        )
        return FrozenEncoderConfig(encoder_config=encoder, head_size=11)

    def prepare_config_and_inputs_for_common(self):
        shape = [self.batch_size, self.seq_length]
        input_ids = modeling.ids_tensor(shape, 99)
        return self.get_config(), {"input_ids": input_ids, "attention_mask": modeling.random_attention_mask(shape)}


class FrozenModelConformanceTest(modeling.ModelTesterMixin, unittest.TestCase):
    all_model_classes = (FrozenEncoderModel, FrozenEncoderForSequenceClassification)
    # a configuration with another one inside
    _is_composite = True

    @classmethod
    def setUpClass(cls):
        # the mixin knows by these names which class is a base model and which takes labels
        for mapping, model in (
            (MODEL_MAPPING_NAMES, FrozenEncoderModel),
            (MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES, FrozenEncoderForSequenceClassification),
        ):
            patch = mock.patch.dict(mapping, {FrozenEncoderConfig.model_type: model.__name__})
            patch.start()
            cls.addClassCleanup(patch.stop)

    def setUp(self):
        self.model_tester = FrozenModelTester()

    def _prepare_config_and_inputs_for_retain_grad_hidden_states_attentions(self):
        # no weight of the encoder asks for gradients, so they have to flow from its inputs
        config, inputs = super()._prepare_config_and_inputs_for_retain_grad_hidden_states_attentions()
        shape = (*inputs.pop("input_ids").shape, self.model_tester.hidden_size)
        return config, inputs | {"inputs_embeds": torch.randn(shape, requires_grad=True)}


class FrozenConfigConformanceTest(unittest.TestCase):
    def test_config(self):
        self.model_tester = FrozenModelTester()
        # "text modality" means a vocabulary of its own, which the encoder has
        tester = configuration.ConfigTester(
            self, config_class=FrozenEncoderConfig, has_text_modality=False, head_size=7, feature_pooling="cls"
        )
        tester.run_common_tests()
