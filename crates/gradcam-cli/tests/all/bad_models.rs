//! Models that do not exist, cannot be reached or are corrupt.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use tempfile::tempdir;

use crate::binary::{Run, command, gradcam, photo, repository};

/// Type, shape and bytes of each parameter.
type Parameters = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// Writes the default model into `folder` with its parameters changed.
fn model(folder: &Path, change: impl FnOnce(&mut Parameters)) {
    let source = repository().join("models/efficientnet-lite0");
    fs::copy(source.join("config.json"), folder.join("config.json")).unwrap();
    let bytes = fs::read(source.join("model.safetensors")).unwrap();
    let mut parameters: Parameters = SafeTensors::deserialize(&bytes)
        .unwrap()
        .iter()
        .map(|(name, view)| {
            let parameter = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
            (name.to_string(), parameter)
        })
        .collect();
    change(&mut parameters);
    let views = parameters.iter().map(|(name, (dtype, shape, data))| {
        (
            name.as_str(),
            TensorView::new(*dtype, shape.clone(), data).unwrap(),
        )
    });
    let bytes = safetensors::serialize(views, None).unwrap();
    fs::write(folder.join("model.safetensors"), bytes).unwrap();
}

/// Classifies with the changed model.
fn with(change: impl FnOnce(&mut Parameters)) -> Run {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("own")).unwrap();
    model(&folder.path().join("own"), change);
    gradcam(
        folder.path(),
        &["classify", &photo("coffee.png"), "--model", "own"],
    )
}

#[test]
fn the_same_weights_in_a_folder_work() {
    assert!(with(|_| {}).text().contains("espresso"));
    // Training's counters belong to no layer and are ignored.
    let counter = (Dtype::I64, vec![], vec![0; 8]);
    let run = with(|p| drop(p.insert("bn1.num_batches_tracked".into(), counter)));
    assert!(run.text().contains("espresso"));
}

#[test]
fn weights_that_do_not_fit_are_named() {
    with(|p| drop(p.remove("classifier.bias"))).refused(&[
        "cannot load the model `own`",
        "lack the parameter `classifier.bias`",
    ]);
    with(|p| p.get_mut("conv_stem.weight").unwrap().1 = vec![32, 27]).refused(&[
        "`conv_stem.weight` has the shape [32, 27]",
        "expected [32, 3, 3, 3]",
    ]);
    with(|p| {
        let head = p["conv_head.weight"].clone();
        p.insert("conv_tail.weight".into(), head);
    })
    .refused(&[
        "1 parameters that `tf_efficientnet_lite0` does not have",
        "`conv_tail.weight`",
    ]);
}

#[test]
fn weights_that_are_not_numbers_are_named() {
    for bits in [0x7e00_u16, 0x7c00, 0xfc00] {
        // NaN and the infinities in half precision.
        with(|p| {
            let data = &mut p.get_mut("blocks.3.1.conv_dw.weight").unwrap().2;
            data[10..12].copy_from_slice(&bits.to_le_bytes());
        })
        .refused(&["`blocks.3.1.conv_dw.weight` holds 1 values that are not finite"]);
    }
}

#[test]
fn damaged_files_are_refused() {
    let folder = tempdir().unwrap();
    let own = folder.path().join("own");
    let weights = own.join("model.safetensors");
    fs::create_dir(&own).unwrap();
    let classify = || {
        gradcam(
            folder.path(),
            &["classify", &photo("coffee.png"), "--model", "own"],
        )
    };
    classify().refused(&["own/config.json", "No such file"]);
    model(&own, |_| {});
    let whole = fs::read(&weights).unwrap();

    let mut header = whole.clone();
    header[..8].fill(0xff);
    let mut json = whole.clone();
    json[8..16].copy_from_slice(b"not json");
    let halves = [
        &header[..],
        &json,
        &whole[..whole.len() / 2],
        &whole[..5],
        b"",
    ];
    for bytes in halves {
        fs::write(&weights, bytes).unwrap();
        classify().refused(&["`own`", "not a valid safetensors file"]);
    }
    fs::remove_file(&weights).unwrap();
    classify().refused(&["own/model.safetensors", "No such file"]);

    fs::write(&weights, &whole).unwrap();
    for (text, words) in [
        ("{", &["`config.json` cannot be read"][..]),
        ("{}", &["the field `architecture` is missing"]),
        (
            r#"{"architecture": "resnet51"}"#,
            &["unknown architecture `resnet51`", "`resnet50`"],
        ),
        (
            r#"{"architecture": "resnet18"}"#,
            &["the weights", "`conv1.weight`"],
        ),
        (
            r#"{"architecture": "tf_efficientnet_lite0", "num_classes": 10}"#,
            &["`classifier.weight`", "expected [10, 1280]", "[1000, 1280]"],
        ),
    ] {
        fs::write(own.join("config.json"), text).unwrap();
        classify().refused(words);
    }
}

#[test]
fn an_unknown_model_is_refused_with_the_nearest() {
    let folder = tempdir().unwrap();
    let run = gradcam(
        folder.path(),
        &["classify", &photo("coffee.png"), "--model", "resnet51"],
    );
    run.refused(&["no model `resnet51`", "`resnet50`", "`gradcam models`"]);
    gradcam(folder.path(), &["layers", "vgg17"]).refused(&["`vgg17`", "`vgg16`"]);
    gradcam(folder.path(), &["layers", "hf:no/such/repo"]).refused(&["`no/such/repo`"]);
}

#[test]
fn no_network_is_an_error_that_says_so() {
    let folder = tempdir().unwrap();
    let args = [
        "classify",
        &photo("coffee.png"),
        "--model",
        "hf:timm/resnet18.a1_in1k",
    ];
    let run = |name: &str, value: &str| {
        let mut command = command(folder.path(), &args);
        command.env("HF_HUB_CACHE", folder.path()).env(name, value);
        Run::of(command.output().unwrap())
    };
    // Nothing listens on port 9.
    run("HF_ENDPOINT", "http://127.0.0.1:9").refused(&[
        "cannot reach the hub at `http://127.0.0.1:9`",
        "HF_HUB_OFFLINE=1",
    ]);
    run("HF_HUB_OFFLINE", "1").refused(&["timm/resnet18.a1_in1k", "HF_HUB_OFFLINE"]);
}
