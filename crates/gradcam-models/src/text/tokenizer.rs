//! Tokenises texts by byte-pair encoding of words, whose last byte is marked (Radford et al. 2021, section 2.4).

use std::path::Path;

use serde_json::{Value, json};
use tokenizers::Tokenizer;
use tokenizers::processors::roberta::RobertaProcessing;

use super::error::TextError;
use crate::files::read_text;

/// The token before a text.
const START: &str = "<|startoftext|>";
/// The token after a text, which is also the unknown token.
const END: &str = "<|endoftext|>";

/// Reads the tokenizer of a folder, without truncation and padding.
pub(super) fn read(folder: &Path) -> Result<Tokenizer, TextError> {
    let fails = |reason: String| TextError::Tokenizer {
        folder: folder.to_path_buf(),
        reason,
    };
    let [whole, vocabulary, merges] =
        ["tokenizer.json", "vocab.json", "merges.txt"].map(|name| folder.join(name));
    let text = if whole.exists() {
        read_text(&whole)?
    } else if vocabulary.exists() && merges.exists() {
        let vocabulary = serde_json::from_str(&read_text(&vocabulary)?);
        let vocabulary = vocabulary.map_err(|error| fails(format!("`vocab.json`: {error}")))?;
        described(&vocabulary, &read_text(&merges)?).to_string()
    } else {
        return Err(TextError::NoTokenizer {
            folder: folder.to_path_buf(),
        });
    };
    let mut tokenizer: Tokenizer = text
        .parse()
        .map_err(|error: tokenizers::Error| fails(error.to_string()))?;
    tokenizer
        .with_truncation(None)
        .map_err(|error| fails(error.to_string()))?;
    tokenizer.with_padding(None);
    if tokenizer.get_post_processor().is_none() {
        let token = |name: &str| match tokenizer.token_to_id(name) {
            Some(id) => Ok((name.to_string(), id)),
            None => Err(fails(format!("it has no token `{name}`"))),
        };
        let around = RobertaProcessing::new(token(END)?, token(START)?);
        tokenizer.with_post_processor(Some(around));
    }
    Ok(tokenizer)
}

/// Encodes a text, with its start and end tokens.
pub(super) fn encode(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, TextError> {
    let encoding = tokenizer
        .encode(text, true)
        .map_err(|error| TextError::Refused {
            reason: error.to_string(),
        })?;
    Ok(encoding.get_ids().to_vec())
}

/// Makes a `tokenizer.json` from CLIP's first form: the tokens with their numbers, and the pairs in the order of their merging.
fn described(vocabulary: &Value, merges: &str) -> Value {
    let merges: Vec<&str> = merges
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("#version"))
        .collect();
    let special: Vec<Value> = [START, END]
        .iter()
        .filter_map(|token| {
            let id = vocabulary.get(token)?;
            Some(json!({
                "id": id, "content": token, "special": true, "normalized": false,
                "single_word": false, "lstrip": false, "rstrip": false,
            }))
        })
        .collect();
    let words = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
    json!({
        "version": "1.0",
        "added_tokens": special,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"},
            {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
            {"type": "Lowercase"},
        ]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": words}, "behavior": "Removed", "invert": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        ]},
        "model": {
            "type": "BPE", "unk_token": END, "continuing_subword_prefix": "", "end_of_word_suffix": "</w>",
            "fuse_unk": false, "vocab": vocabulary, "merges": merges,
        },
    })
}
