#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

/// Returns the folder of the tiny CLIP made by `tests/golden/clip.py`.
fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/clip")
}

/// Copies the tiny CLIP without `missing`.
fn copy(missing: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        if name != missing {
            fs::copy(tiny().join(name), folder.path().join(name)).unwrap();
        }
    }
    folder
}

/// Changes a JSON file of a copy.
fn edit(folder: &TempDir, name: &str, change: impl FnOnce(&mut Value)) {
    let path = folder.path().join(name);
    let mut value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(&path, value.to_string()).unwrap();
}

fn with_config(change: impl FnOnce(&mut Value)) -> Result<TextEncoder, TextError> {
    let folder = copy("");
    edit(&folder, "config.json", change);
    TextEncoder::from_folder(folder.path())
}

#[test]
fn the_end_is_where_transformers_reads() {
    // 12 is a token that was added after the end, 11.
    let ids = [10, 3, 12, 4, 11, 11];
    assert_eq!(end(&ids, 11), Some(4));
    assert_eq!(end(&ids, 2), Some(2));
    assert_eq!(end(&[10, 3, 11, 11], 2), Some(2));
    assert_eq!(end(&ids, 9), None);
}

#[test]
fn a_legacy_end_gives_the_same_embedding() {
    let modern = TextEncoder::from_folder(&tiny()).unwrap();
    let legacy = with_config(|c| c["text_config"]["eos_token_id"] = json!(2)).unwrap();
    let text = "a photo of a dog";
    assert_eq!(modern.embed(text).unwrap(), legacy.embed(text).unwrap());
    let wrong = with_config(|c| c["text_config"]["eos_token_id"] = json!(600)).unwrap();
    let error = wrong.embed(text).unwrap_err().to_string();
    assert!(error.contains("the token 600"), "{error}");
}

#[test]
fn nothing_is_cut_off() {
    let folder = copy("");
    // Settings of some repositories, which would cut and pad.
    edit(&folder, "tokenizer.json", |t| {
        t["truncation"] =
            json!({"direction": "Right", "max_length": 9, "strategy": "LongestFirst", "stride": 0});
        t["padding"] = json!({"strategy": {"Fixed": 77}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 614, "pad_type_id": 0, "pad_token": "<|endoftext|>"});
    });
    let encoder = TextEncoder::from_folder(folder.path()).unwrap();
    let words = |count: usize| vec!["a"; count].join(" ");
    assert_eq!(encoder.tokens(&words(75)).unwrap().len(), 77);
    encoder.embed(&words(75)).unwrap();
    assert_eq!(
        encoder.embed(&words(76)).unwrap_err().to_string(),
        "the text has 78 tokens with its start and end, but the model reads 77; shorten it"
    );
}

#[test]
fn an_empty_text_is_none() {
    let encoder = TextEncoder::from_folder(&tiny()).unwrap();
    for text in ["", " \n"] {
        assert!(matches!(encoder.embed(text), Err(TextError::Empty)));
    }
}

#[test]
fn the_first_form_of_the_tokenizer_is_read() {
    let whole = TextEncoder::from_folder(&tiny()).unwrap();
    let folder = copy("tokenizer.json");
    let error = TextEncoder::from_folder(folder.path()).unwrap_err();
    assert!(matches!(error, TextError::NoTokenizer { .. }), "{error}");
    let text = fs::read_to_string(tiny().join("tokenizer.json")).unwrap();
    let model = serde_json::from_str::<Value>(&text).unwrap()["model"].take();
    let merges = model["merges"].as_array().unwrap().iter().map(|pair| {
        let side = |index: usize| pair[index].as_str().unwrap();
        format!("{} {}\n", side(0), side(1))
    });
    let merges = format!("#version: 0.2\n{}", merges.collect::<String>());
    fs::write(folder.path().join("merges.txt"), merges).unwrap();
    fs::write(folder.path().join("vocab.json"), model["vocab"].to_string()).unwrap();
    let parts = TextEncoder::from_folder(folder.path()).unwrap();
    for text in [
        "A photo of a CAT, isn't it?",
        "x <|endoftext|> 2 cafés 東京\t!",
    ] {
        assert_eq!(parts.tokens(text).unwrap(), whole.tokens(text).unwrap());
    }
    fs::write(folder.path().join("vocab.json"), "{}").unwrap();
    let error = TextEncoder::from_folder(folder.path()).unwrap_err();
    assert!(matches!(error, TextError::Tokenizer { .. }), "{error}");
}

#[test]
fn the_tokens_around_a_text_are_added_where_the_file_does_not_say() {
    let folder = copy("");
    edit(&folder, "tokenizer.json", |t| {
        t["post_processor"] = Value::Null;
    });
    let encoder = TextEncoder::from_folder(folder.path()).unwrap();
    let whole = TextEncoder::from_folder(&tiny()).unwrap();
    assert_eq!(
        encoder.tokens("a cat").unwrap(),
        whole.tokens("a cat").unwrap()
    );
}

#[test]
fn what_cannot_be_run_is_named() {
    let message = |change: fn(&mut Value)| with_config(change).unwrap_err().to_string();
    assert_eq!(
        message(|c| c["text_config"]["hidden_act"] = json!("relu")),
        "the text tower's `hidden_act` is `relu`, expected `quick_gelu` or `gelu`"
    );
    for (field, value) in [
        ("num_attention_heads", json!(0)),
        ("num_attention_heads", json!(5)),
        ("layer_norm_eps", json!(0.0)),
        ("layer_norm_eps", json!(-1.0)),
    ] {
        let error = with_config(|c| c["text_config"][field] = value).unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
    }
    assert!(
        message(|c| c["text_config"] = Value::Null)
            .contains("has no text tower; texts need a complete CLIP")
    );
    // Sizes that differ from the weights'.
    for (field, value) in [("num_hidden_layers", 3), ("vocab_size", 616)] {
        let error = with_config(|c| c["text_config"][field] = json!(value)).unwrap_err();
        assert!(matches!(error, TextError::Weights { .. }), "{error}");
    }
}

#[test]
fn the_description_of_the_tower_is_obeyed() {
    let usual = TextEncoder::from_folder(&tiny()).unwrap().embed("a cat");
    let usual = usual.unwrap();
    for (field, value) in [
        ("hidden_act", json!("gelu")),
        ("layer_norm_eps", json!(0.1)),
    ] {
        let other = with_config(|c| c["text_config"][field] = value).unwrap();
        assert_ne!(other.embed("a cat").unwrap(), usual, "{field}");
    }
}

#[test]
fn nothing_of_the_tower_is_left_over() {
    let error = with_config(|c| c["text_config"]["num_hidden_layers"] = json!(1)).unwrap_err();
    let TextError::Unused { count, names, .. } = error else {
        panic!("{error}");
    };
    // A layer has four projections, two norms and two linear layers, each with a bias.
    assert_eq!(count, 16);
    assert!(
        names[0].starts_with("text_model.encoder.layers.1."),
        "{names:?}"
    );
}

#[test]
fn the_numbers_of_positions_are_no_parameters() {
    let folder = copy("");
    let path = folder.path().join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let ids = Tensor::arange(0_i64, 77, &Device::Cpu).unwrap();
    let name = "text_model.embeddings.position_ids";
    tensors.insert(name.into(), ids.unsqueeze(0).unwrap());
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let [with, without] =
        [folder.path(), &tiny()].map(|folder| TextEncoder::from_folder(folder).unwrap());
    assert_eq!(
        with.embed("a cat").unwrap(),
        without.embed("a cat").unwrap()
    );
}

#[test]
fn a_tokenizer_of_another_model_is_noticed() {
    let folder = copy("");
    edit(&folder, "tokenizer.json", |t| {
        t["added_tokens"] = json!([{"id": 615, "content": "<new>", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true}]);
    });
    let encoder = TextEncoder::from_folder(folder.path()).unwrap();
    let error = encoder.embed("a <new> cat").unwrap_err();
    assert!(
        matches!(
            error,
            TextError::UnknownToken {
                token: 615,
                size: 615
            }
        ),
        "{error}"
    );
}

#[test]
fn a_model_finds_its_text_tower() {
    let model = Model::from_folder(&tiny(), &Device::Cpu).unwrap();
    assert_eq!(model.folder.as_deref(), Some(tiny().as_path()));
    let embedding = model.text_encoder().unwrap().embed("a cat").unwrap();
    assert_eq!(embedding.len(), model.labels.len());
    let other = Model::default_model(&Device::Cpu).unwrap();
    let error = other.text_encoder().unwrap_err().to_string();
    assert!(
        error.starts_with("`efficientnet-lite0` has no text tower"),
        "{error}"
    );
}
