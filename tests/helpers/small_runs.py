"""Small data and settings that the training tests share."""

import csv

from safetensors.torch import load_file

TINY = ["--embedding_size", "11", "--hidden_size", "7", "--vocab_size", "80"]
QUIET = ["--disable_tqdm", "true", "--use_cpu", "true", "--save_strategy", "no"]
# four evaluations, of which the best counts
TUNED = (
    "--validation_size 0.25 --num_train_epochs 4 --per_device_train_batch_size 8 --seed 3 --eval_strategy epoch "
    "--save_strategy epoch --load_best_model_at_end true --metric_for_best_model macro_f1 --use_cpu true "
    "--disable_tqdm true"
).split()
WORDS = {"cold": "rain snow frost wind north", "warm": "sun beach heat summer south", "mild": "cloud breeze west"}


def write_csv(path, labels, *, rows=24):
    """Write short texts whose words tell the label; labels maps each kind of text to what stands in its cell."""
    kinds = list(labels)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(rows):
            kind = kinds[number % len(kinds)]
            words = WORDS[kind].split()
            text = " ".join(words[(number + place) % len(words)] for place in range(2 + number % 7))
            writer.writerow([f"{text} number {number}", labels[kind]])
    return str(path)


def empty_config(folder):
    """A config without a wish, in place of the bundled defaults."""
    path = folder / "plain.yaml"
    path.write_text("max_length: 24\n")
    return path


def weights(folder):
    """The saved weights of a folder by name."""
    return load_file(folder / "model.safetensors")
