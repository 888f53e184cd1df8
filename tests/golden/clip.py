"""Makes the folder `clip/`, a tiny CLIP in the form of Hugging Face transformers, and `clip.json.gz`, what transformers computes with it.

    python -m pip install torch torchvision timm grad-cam transformers
    python tests/golden/clip.py

Parameters come from `formula.py` and are stored in f16, the input is by formula. Everything is computed in f64: the expected numbers
are those of the stored weights, and a difference from them is the tested program's own.
"""

import json
import shutil
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer

import cam
import formula
from make import numbers

FOLDER = Path(__file__).parent / "clip"
BOS, EOS = "<|startoftext|>", "<|endoftext|>"
SENTENCES = [
    "a photo of a cat",
    "a photo of a dog",
    "a photo of two cats sleeping on a red blanket",
    "a drawing of a small dog with a ball",
    "an espresso in a white cup, on a wooden table",
    "a rocket that stands on its launch pad in the morning",
    "the astronaut smiles beside the flag",
]
TEXTS = ["a photo of a cat", "  An ESPRESSO,\n in 2 white cups!", "the dog's café: naïve 東京"]


def tokenizer():
    """CLIP's: every byte, every byte at the end of a word, merges, and the two tokens around a text."""
    bytes_ = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Lowercase()
    learner.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(vocab_size=160, min_frequency=1, end_of_word_suffix="</w>", show_progress=False)
    learner.train_from_iterator(SENTENCES, trainer)
    merges = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    entries = bytes_ + [byte + "</w>" for byte in bytes_] + ["".join(pair) for pair in merges] + [BOS, EOS]
    assert len(set(entries)) == len(entries)
    return CLIPTokenizer(vocab={entry: index for index, entry in enumerate(entries)}, merges=merges)


def model(tokens):
    sizes = {"hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = CLIPConfig(
        text_config=sizes
        | {
            "vocab_size": len(tokens),
            "max_position_embeddings": 77,
            "bos_token_id": tokens.bos_token_id,
            "eos_token_id": tokens.eos_token_id,
            "pad_token_id": tokens.eos_token_id,
            "projection_dim": 24,
        },
        vision_config=sizes | {"image_size": 64, "patch_size": 16, "projection_dim": 24},
        projection_dim=24,
        architectures=["CLIPModel"],
    )
    network = formula.fill(CLIPModel(config).eval(), 0.8).requires_grad_(False)
    # exp(2.6592) = 1 / 0.07, CLIP's first temperature.
    network.logit_scale.data.fill_(2.6592)
    return network.half()


def text_record(network, tokens, text, x, image):
    """One text with its tokens, its embedding, and what the cosine with the image says of the image."""
    ids = tokens(text)["input_ids"]
    embedding = network.get_text_features(input_ids=torch.tensor([ids])).pooler_output
    cosine = torch.nn.functional.cosine_similarity(embedding, image[0])
    gradient, at_layer = torch.autograd.grad(cosine.sum(), [x, image[1]], retain_graph=True)
    weights = at_layer[:, 1:].mean(1, keepdim=True)
    raw = (weights * image[1][:, 1:]).sum(2)
    print(f"{text!r}: {len(ids)} tokens, cosine {cosine.item():.4f}, map {raw.min():.2e} to {raw.max():.2e}")
    return {
        "text": text,
        "ids": ids,
        "embedding": numbers(embedding),
        "cosine": numbers(cosine)[0],
        "gradient": {"l1": numbers(gradient.abs().sum())[0], "blocks": numbers(cam.block_sums(gradient))},
        "grad_cam": numbers(raw),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    tokens = tokenizer()
    network = model(tokens)
    network.config.dtype = "float16"
    network.config.save_pretrained(FOLDER)
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    save_file(state, FOLDER / "model.safetensors", metadata={"format": "pt"})
    (FOLDER / "tokenizer.json").write_text(tokens.backend_tokenizer.to_str())
    CLIPImageProcessor(size={"shortest_edge": 64}, crop_size={"height": 64, "width": 64}).save_pretrained(FOLDER)

    network = network.double()
    source = {"name": "clip", "shape": [1, 3, 64, 64]}
    x = torch.from_numpy(formula.picture(source["name"], source["shape"])).double().requires_grad_(True)
    seen = {}
    block = network.vision_model.encoder.layers[-1]
    block.layer_norm1.register_forward_hook(lambda _module, _inputs, output: seen.update(layer=output))
    image = network.get_image_features(pixel_values=x).pooler_output
    formula.write(
        Path(__file__).parent / "clip.json.gz",
        {
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "input": source,
            "image_embedding": numbers(image),
            "layer": {"name": "blocks.1.norm1", "size": [4, 4]},
            "texts": [text_record(network, tokens, text, x, (image, seen["layer"])) for text in TEXTS],
        },
    )
    for path in sorted(FOLDER.iterdir()):
        print(f"{path}: {path.stat().st_size} bytes")
