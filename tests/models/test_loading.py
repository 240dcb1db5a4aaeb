"""How long a text a model can take, checked against the models themselves."""

import pytest
import torch
from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel

from hf_textclf import LSTMConfig
from hf_textclf.models.frozen import FrozenEncoderConfig, FrozenEncoderModel
from hf_textclf.models.loading import longest_text

TINY = {"vocab_size": 19, "hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 17}


@pytest.mark.parametrize(("config", "model"), [(BertConfig, BertModel), (RobertaConfig, RobertaModel)])
def test_longest_text_is_the_last_that_works(config, model):
    config = config(**TINY, max_position_embeddings=13, pad_token_id=1)
    model = model(config).eval()
    longest = longest_text(config)
    model(torch.full((1, longest), 5))
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, longest + 1), 5))


def test_limit_of_a_model_is_that_of_its_encoder():
    config = FrozenEncoderConfig(encoder_config=RobertaConfig(**TINY, max_position_embeddings=13, pad_token_id=1))
    model = FrozenEncoderModel(config)
    model(torch.full((1, longest_text(config)), 5))
    assert longest_text(config) == longest_text(config.encoder_config)


def test_lstm_knows_no_limit():
    assert longest_text(LSTMConfig()) is None
