"""What a user can get wrong before the first step: one line each, exit code 2, nothing written."""

import json
import sys

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, BertModel

from hf_textclf.models.lstm import LSTMConfig, LSTMForSequenceClassification
from tests.helpers.small_runs import write_csv
from tests.helpers.tiny import wordpiece_tokenizer


@pytest.fixture
def lstm(tmp_path):
    folder = tmp_path / "lstm"
    LSTMForSequenceClassification(LSTMConfig(vocab_size=99, embedding_size=5, hidden_size=3)).save_pretrained(folder)
    wordpiece_tokenizer().save_pretrained(folder)
    return folder


def test_existing_output_folder(refused_training, weather, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious.txt").write_text("work of years")
    assert "already holds something" in refused_training(weather)
    assert (tmp_path / "run" / "precious.txt").read_text() == "work of years"


def test_output_folder_that_is_a_file(refused_training, weather, tmp_path):
    (tmp_path / "run").write_text("a file")
    assert "choose another one" in refused_training(weather)


def test_resume_without_a_checkpoint(refused_training, weather, tmp_path):
    assert "no whole checkpoint" in refused_training(weather, "--resume_from_checkpoint", "true")
    (tmp_path / "run").mkdir()
    assert "no whole checkpoint" in refused_training(weather, "--resume_from_checkpoint", "true")
    assert "nowhere" in refused_training(weather, "--resume_from_checkpoint", tmp_path / "nowhere")


def test_resume_from_elsewhere_does_not_write_over_a_folder(refused_training, weather, tmp_path):
    other = tmp_path / "other" / "checkpoint-3"
    other.mkdir(parents=True)
    (other / "trainer_state.json").write_text("{}")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")
    assert "already holds something" in refused_training(weather, "--resume_from_checkpoint", other)


@pytest.mark.parametrize("key", ["hidden_size", "pooling", "vocab_size"])
def test_key_of_a_new_model_beside_a_checkpoint(refused_training, weather, lstm, key):
    value = "mean" if key == "pooling" else "31"
    error = refused_training(weather, "--model_name_or_path", lstm, f"--{key}", value, new=False)
    assert f"{key}={value}" in error
    assert "drop one of them" in error


def test_tokenizer_type_beside_a_checkpoint(refused_training, weather, lstm):
    error = refused_training(weather, "--model_name_or_path", lstm, "--tokenizer_type", "word", new=False)
    assert "tokenizer_type=word" in error


def test_foreign_model_type(refused_training, weather):
    error = refused_training(weather, "--model_type", "bert")
    assert "'bert'" in error and "textclf_lstm" in error and "--model_name_or_path" in error


def test_wrong_pooling(refused_training, weather):
    error = refused_training(weather, "--pooling", "median")
    assert "median" in error and "attention" in error


@pytest.mark.parametrize(
    ("key", "value"),
    [("hidden_size", "0"), ("locked_dropout", "1.5"), ("hidden_size", "many"), ("num_attention_heads", "3")],
)
def test_size_out_of_range(refused_training, weather, key, value):
    error = refused_training(weather, f"--{key}", value)
    assert key in error and value in error


def test_more_tokens_than_positions(refused_training, weather, bert):
    error = refused_training(weather, "--model_name_or_path", bert, "--max_length", "14", new=False)
    assert "max_length=14" in error and "--max_length 13" in error


@pytest.mark.parametrize("revision", [[], ["--revision", "main"], ["--revision", "abc1234"]])
def test_remote_code_without_a_commit(refused_training, weather, lstm, revision):
    trust = ["--model_name_or_path", lstm, "--trust_remote_code", "true", *revision]
    assert "pin it with --revision" in refused_training(weather, *trust, new=False)


@pytest.mark.parametrize("flag", ["bf16", "fp16"])
def test_half_precision_on_a_cpu(refused_training, weather, flag):
    assert flag in refused_training(weather, f"--{flag}", "true")


def test_early_stopping_without_the_best_model(refused_training, weather):
    assert "--load_best_model_at_end true" in refused_training(weather, "--early_stopping_patience", "2")


def test_best_model_without_evaluations(refused_training, weather):
    assert "load_best_model_at_end" in refused_training(weather, "--load_best_model_at_end", "true")


# values that the libraries refuse late, in a traceback, or never
BAD_VALUES = {
    "-1 nan inf": "learning_rate weight_decay label_smoothing_factor neftune_noise_alpha eval_delay",
    "0 -2.0 nan inf": "num_train_epochs logging_steps eval_steps save_steps layerwise_lr_decay",
    "0 -3 99999999999999999999": "per_device_train_batch_size per_device_eval_batch_size gradient_accumulation_steps "
    "max_length head_tokens num_sentences early_stopping_patience dataloader_prefetch_factor eval_accumulation_steps",
    "0 -2 3000000000": "max_steps vocab_size hidden_size embedding_size num_hidden_layers",
    "-1 99999999999999999999": "seed data_seed split_seed freeze_layers stride save_total_limit num_attention_heads",
    "-1 1000": "dataloader_num_workers",
    "-1 1 nan": "embedding_dropout locked_dropout recurrent_dropout classifier_dropout",
    "-1 2 nan": "adam_beta1 adam_beta2",
    "-1 nan": "initializer_range adam_epsilon warmup_steps max_grad_norm",
    "nope [1]": "lr_scheduler_kwargs optim_args metric_for_best_model length_column_name accelerator_config fsdp "
    "log_level",
    '{"nope":1}': "lr_scheduler_kwargs accelerator_config",
    "false": "remove_unused_columns eval_do_concat_batches",
    "true": "dataloader_drop_last push_to_hub prediction_loss_only batch_eval_metrics bf16 fp16 "
    "bf16_full_eval fp16_full_eval tf32 use_liger_kernel "
    "dataloader_persistent_workers",
    "full_shard": "fsdp",
    "nope": "torch_compile_backend torch_compile_mode",
    "best": "save_strategy",
    "adamw_8bit galore_adamw": "optim",
}
CASES = [(key, value) for values, keys in BAD_VALUES.items() for key in keys.split() for value in values.split()]


@pytest.mark.parametrize(("key", "value"), CASES)
def test_bad_value_is_told_before_data_are_read(refused_training, weather, monkeypatch, key, value):
    def unread(*args, **keys):
        raise AssertionError("the data were read")

    monkeypatch.setattr(sys.modules["hf_textclf.training.train"], "load_data", unread)
    error = refused_training(weather, f"--{key}={value}")
    assert key.removeprefix("dataloader_") in error and len(error) < 600


@pytest.mark.parametrize("metric", ["mse", "roc", "per_label"])
def test_metric_of_another_problem_type(refused_training, weather, metric):
    """Refused once the data are known, and not after an epoch."""
    error = refused_training(weather, "--metric_for_best_model", metric)
    assert repr(metric) in error and "macro_f1" in error


@pytest.mark.parametrize("precision", ["fp16", "bf16", "nope"])
def test_half_precision_from_the_environment(refused_training, weather, monkeypatch, precision):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", precision)
    error = refused_training(weather)
    assert precision in error and "ACCELERATE_MIXED_PRECISION" in error


def test_checkpointing_of_activations(refused_training, weather):
    assert "LSTMForSequenceClassification has none" in refused_training(weather, "--activation_checkpointing", "true")


@pytest.mark.parametrize(("key", "value"), [("hidden_size", "400000"), ("embedding_size", "2000000000")])
def test_model_that_no_memory_holds(refused_training, weather, key, value):
    error = refused_training(weather, f"--{key}", value)
    assert "GB of memory, this machine has" in error


def test_class_weights_for_regression(refused_training, tmp_path):
    data = write_csv(tmp_path / "degrees.csv", {"cold": 1.5, "warm": 24.25, "mild": 12.75})
    assert "regression" in refused_training(data, "--class_weights", "balanced")
    assert "regression" in refused_training(data, "--class_weights", "balanced", "--problem_type", "regression")


@pytest.mark.parametrize("labels", [[1.5, 24.25, 12.75], ["cold;wet", "warm;dry", "cold;dry"]])
def test_label_smoothing_without_classes(refused_training, tmp_path, labels):
    data = write_csv(tmp_path / "days.csv", dict(zip(("cold", "warm", "mild"), labels, strict=True)))
    several = ["--label_separator", ";"] if isinstance(labels[0], str) else []
    error = refused_training(data, "--label_smoothing_factor", "0.1", *several)
    assert "needs one class a text" in error


def test_checkpoint_without_weights(refused_training, weather, lstm):
    (lstm / "model.safetensors").unlink()
    assert str(lstm) in refused_training(weather, "--model_name_or_path", lstm, new=False)


def test_half_written_checkpoint(refused_training, weather, lstm):
    file = lstm / "model.safetensors"
    file.write_bytes(file.read_bytes()[:700])
    assert str(lstm) in refused_training(weather, "--model_name_or_path", lstm, new=False)


def test_checkpoint_that_lacks_weights_of_the_body(refused_training, weather, bert):
    config = BertConfig.from_pretrained(bert)
    state = {name: weight for name, weight in BertModel(config).state_dict().items() if "layer.0" not in name}
    BertModel(config).save_pretrained(bert, state_dict=state)
    error = refused_training(weather, "--model_name_or_path", bert, "--max_length", "13", new=False)
    assert "lacks weights of the body" in error


def test_broken_config(refused_training, weather, lstm):
    (lstm / "config.json").write_text('{"model_type": "textclf_l')
    assert str(lstm) in refused_training(weather, "--model_name_or_path", lstm, new=False)


def test_tokenizer_of_another_model(refused_training, weather, lstm, tmp_path):
    other = tmp_path / "other"
    wordpiece_tokenizer(120).save_pretrained(other)
    error = refused_training(weather, "--model_name_or_path", lstm, "--tokenizer_name_or_path", other, new=False)
    assert "vocab_size=99" in error


def test_pickled_weights_are_not_read(refused_training, weather, bert):
    model = BertForSequenceClassification(BertConfig.from_pretrained(bert))
    torch.save(model.state_dict(), bert / "pytorch_model.bin")
    (bert / "model.safetensors").unlink()
    assert str(bert) in refused_training(weather, "--model_name_or_path", bert, "--max_length", "13", new=False)


def test_embeddings_for_another_family(refused_training, weather, bert):
    error = refused_training(
        weather, "--model_name_or_path", bert, "--embeddings_from", bert, "--max_length", "13", new=False
    )
    assert "embeddings_from" in error


def test_embeddings_from_nowhere(refused_training, weather, tmp_path):
    assert "nowhere.txt" in refused_training(weather, "--embeddings_from", tmp_path / "nowhere.txt")


def test_token_is_no_flag(refused_training, weather):
    # it would end up in the pickled arguments of each checkpoint
    assert "hub_token" in refused_training(weather, "--hub_token", "hf_secret0123456789")


def test_saved_config_without_vocabulary(refused_training, weather, lstm):
    config = json.loads((lstm / "config.json").read_text())
    for file in lstm.glob("tokenizer*"):
        file.unlink()
    assert config["model_type"] == "textclf_lstm"
    assert "tokenizer" in refused_training(weather, "--model_name_or_path", lstm, new=False)
