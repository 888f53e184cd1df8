//! Checkpoints as models: `gradcam import`, and weights files as `--model`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use gradcam_models::architectures::find;
use gradcam_nn::Weights;
use tempfile::{TempDir, tempdir};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::binary::{Run, command, gradcam, photo};

/// Shape and values of each parameter.
type Parameters = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Draws parameters of a small network with three classes.
fn parameters(architecture: &str) -> Parameters {
    let skeleton = Weights::skeleton();
    find(architecture).unwrap().build(&skeleton, 3).unwrap();
    let random = Weights::random(7);
    skeleton
        .requested()
        .into_iter()
        .map(|(name, shape)| {
            let tensor = random.get(&name, &shape).unwrap();
            let values = tensor.flatten_all().unwrap().to_vec1().unwrap();
            (name, (shape, values))
        })
        .collect()
}

const SMALL: &str = "squeezenet1_1";

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// The pickle of an object, in PyTorch's protocol.
#[derive(Default)]
struct Pickle(Vec<u8>);

impl Pickle {
    fn text(&mut self, text: &str) {
        self.0.push(b'X');
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.bytes());
    }
    fn int(&mut self, number: usize) {
        self.0.push(b'J');
        self.0.extend((number as i32).to_le_bytes());
    }
    fn name(&mut self, module: &str, name: &str) {
        self.0.extend(format!("c{module}\n{name}\n").bytes());
    }
    fn sizes(&mut self, sizes: &[usize]) {
        self.0.push(b'(');
        sizes.iter().for_each(|&size| self.int(size));
        self.0.push(b't');
    }
    /// Adds an `OrderedDict` of tensors with numbered storages; if `turned`, the strides are those of a matrix stored by columns.
    fn state(&mut self, parameters: &Parameters, prefix: &str, turned: bool) {
        self.name("collections", "OrderedDict");
        self.0.extend(b")R(");
        for (i, (name, (shape, values))) in parameters.iter().enumerate() {
            self.text(&format!("{prefix}{name}"));
            self.name("torch._utils", "_rebuild_tensor_v2");
            self.0.extend(b"((");
            self.text("storage");
            self.name("torch", "FloatStorage");
            self.text(&i.to_string());
            self.text("cpu");
            self.int(values.len());
            self.0.extend(b"tQ");
            self.int(0);
            self.sizes(shape);
            let mut strides = vec![1; shape.len()];
            if turned && shape.len() > 1 {
                for axis in 1..shape.len() {
                    strides[axis] = strides[axis - 1] * shape[axis - 1];
                }
            } else {
                for axis in (1..shape.len()).rev() {
                    strides[axis - 1] = strides[axis] * shape[axis];
                }
            }
            self.sizes(&strides);
            self.0.push(0x89);
            self.name("collections", "OrderedDict");
            self.0.extend(b")RtR");
        }
        self.0.push(b'u');
    }
}

/// Returns the values in column order: the first index runs fastest.
fn turned(shape: &[usize], values: &[f32]) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for place in 0..values.len() {
        let (mut rest, mut at) = (place, 0);
        let mut stride: usize = shape.iter().product();
        for &size in shape {
            stride /= size;
            at += rest % size * stride;
            rest /= size;
        }
        out.push(values[at]);
    }
    out
}

/// Writes an archive with this pickle and these storages.
fn archive(path: &Path, pickle: &[u8], storages: &[Vec<u8>], extra: &[&str]) {
    let mut zip = ZipWriter::new(fs::File::create(path).unwrap());
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut add = |name: &str, bytes: &[u8]| {
        zip.start_file(format!("archive/{name}"), stored).unwrap();
        zip.write_all(bytes).unwrap();
    };
    add("data.pkl", pickle);
    for name in extra {
        add(name, b"");
    }
    for (i, storage) in storages.iter().enumerate() {
        add(&format!("data/{i}"), storage);
    }
    zip.finish().unwrap();
}

/// Writes a checkpoint with the state dict under `keys`, with `prefix` before its names.
fn checkpoint(path: &Path, parameters: &Parameters, keys: &[&str], prefix: &str, by_column: bool) {
    let mut pickle = Pickle(b"\x80\x02".to_vec());
    for key in keys {
        // Other entries lie beside it, as in training.
        pickle.0.extend(b"}(");
        pickle.text("epoch");
        pickle.int(3);
        pickle.text(key);
    }
    pickle.state(parameters, prefix, by_column);
    pickle.0.extend(b"u".repeat(keys.len()));
    pickle.0.push(b'.');
    let storages: Vec<Vec<u8>> = parameters
        .values()
        .map(|(shape, values)| {
            if by_column {
                bytes(&turned(shape, values))
            } else {
                bytes(values)
            }
        })
        .collect();
    archive(path, &pickle.0, &storages, &["version"]);
}

/// Writes the same parameters as safetensors.
fn safetensors(path: &Path, parameters: &Parameters, prefix: &str) {
    let data: Vec<_> = parameters
        .iter()
        .map(|(name, (shape, values))| (format!("{prefix}{name}"), shape.clone(), bytes(values)))
        .collect();
    let views = data.iter().map(|(name, shape, bytes)| {
        let view =
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
        (name.as_str(), view.unwrap())
    });
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn run(folder: &TempDir, args: &[&str]) -> Run {
    gradcam(folder.path(), args)
}

fn classify(folder: &TempDir, model: &[&str]) -> serde_json::Value {
    let coffee = photo("coffee.png");
    let args = [&["classify", &coffee, "--json", "--top", "3", "-q"], model].concat();
    run(folder, &args).records()[0]["predictions"].clone()
}

#[test]
fn checkpoints_of_every_form_are_one_model() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let parameters = parameters(SMALL);
    safetensors(&at("plain.safetensors"), &parameters, "");
    let plain = ["--model", "plain.safetensors", "--arch", "SqueezeNet-1.1"];
    let expected = classify(&folder, &plain);
    assert_eq!(
        expected[0]["label"].as_str().unwrap().split(' ').next(),
        Some("class")
    );

    for (name, keys, prefix, by_column) in [
        ("plain.pth", &[][..], "", false),
        ("columns.pth", &[], "", true),
        ("state.pt", &["state_dict"], "module.", false),
        ("lightning.ckpt", &["state_dict"], "model.", false),
        ("net.ckpt", &["state_dict"], "net.", false),
        (
            "compiled.pth",
            &["model_state_dict"],
            "_orig_mod.module.",
            false,
        ),
        ("model.pth", &["model"], "", false),
        ("deep.bin", &["model", "state_dict"], "", false),
    ] {
        checkpoint(&at(name), &parameters, keys, prefix, by_column);
        let output = format!("{name}.model");
        let imported = run(&folder, &["import", name, SMALL, "-o", &output]);
        assert_eq!(imported.text(), format!("{output}: {SMALL}, 3 classes\n"));
        assert!(
            imported.err.contains("bilinear, crop_pct 0.875"),
            "{}",
            imported.err
        );
        if !prefix.is_empty() {
            assert!(
                imported.err.contains(&format!("`{prefix}`")),
                "{}",
                imported.err
            );
        }
        assert_eq!(classify(&folder, &["--model", &output]), expected, "{name}");
        assert_eq!(
            classify(&folder, &["--model", name, "--arch", SMALL]),
            expected
        );
    }
    safetensors(&at("wrapped.safetensors"), &parameters, "module.");
    run(
        &folder,
        &["import", "wrapped.safetensors", SMALL, "-o", "wrapped"],
    )
    .text();
    assert_eq!(classify(&folder, &["--model", "wrapped"]), expected);
    // The same checkpoint gives the same bytes.
    let read = |name: &str| fs::read(at(name).join("model.safetensors")).unwrap();
    assert_eq!(read("plain.pth.model"), read("wrapped"));
    let config = fs::read_to_string(at("wrapped/config.json")).unwrap();
    assert!(
        config.contains("0.485") && !config.contains("0.4850"),
        "{config}"
    );
}

#[test]
fn label_names_come_with_it() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    safetensors(&at("w.safetensors"), &parameters(SMALL), "");
    let import = |labels: &str, output: &str| {
        let args = [
            "import",
            "w.safetensors",
            SMALL,
            "--labels",
            labels,
            "-o",
            output,
        ];
        run(&folder, &args)
    };
    for (name, text) in [
        ("lines.txt", "cat\na dog\nbird\n"),
        ("list.json", r#"["cat", "a dog", "bird"]"#),
        ("map.json", r#"{"0": "cat", "2": "bird", "1": "a dog"}"#),
        ("index.json", r#"{"bird": 2, "cat": 0, "a dog": 1}"#),
    ] {
        fs::write(at(name), text).unwrap();
        import(name, &format!("{name}.model")).text();
        let found = classify(&folder, &["--model", &format!("{name}.model")]);
        let mut names: Vec<(u64, &str)> = (0..3)
            .map(|i| {
                (
                    found[i]["index"].as_u64().unwrap(),
                    found[i]["label"].as_str().unwrap(),
                )
            })
            .collect();
        names.sort();
        assert_eq!(names, [(0, "cat"), (1, "a dog"), (2, "bird")]);
    }
    fs::write(at("two.txt"), "cat\ndog\n").unwrap();
    import("two.txt", "two").refused(&["`two.txt`", "2 label names", "3 classes"]);
    import("none.txt", "none").refused(&["none.txt", "No such file"]);
    assert!(!at("two").exists() && !at("none").exists());
}

#[test]
fn nothing_is_replaced_unasked() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    safetensors(&at("w.safetensors"), &parameters(SMALL), "");
    let import = |more: &[&str]| {
        run(
            &folder,
            &[&["import", "w.safetensors", SMALL, "-o", "m"], more].concat(),
        )
    };
    import(&[]).text();
    import(&[]).refused(&["`m` exists", "`--force`"]);
    import(&["--force"]).text();
    // An output never replaces an input, by any path.
    fs::write(at("names.txt"), "a\nb\nc\n").unwrap();
    fs::create_dir(at("in")).unwrap();
    fs::copy(at("w.safetensors"), at("in/model.safetensors")).unwrap();
    let before = fs::read(at("in/model.safetensors")).unwrap();
    for output in ["in", "./in/", "in/../in"] {
        let args = [
            "import",
            "in/model.safetensors",
            SMALL,
            "-o",
            output,
            "--force",
        ];
        run(&folder, &args).refused(&["would replace the input `in/model.safetensors`"]);
    }
    assert_eq!(fs::read(at("in/model.safetensors")).unwrap(), before);
    run(
        &folder,
        &["import", "w.safetensors", SMALL, "-o", "names.txt"],
    )
    .refused(&["`-o names.txt` is a file"]);
    // A file of another model would be read with this one.
    fs::write(at("m/preprocessor_config.json"), "{}").unwrap();
    import(&["--force"]).refused(&["m/preprocessor_config.json", "another model"]);
}

#[test]
fn what_is_no_state_dict_is_named() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let refused = |name: &str, words: &[&str]| {
        let args = ["import", name, SMALL, "-o", "m"];
        run(&folder, &args).refused(&[words, &[name]].concat());
        assert!(!at("m").exists());
    };
    // A user's class, a harmful function, and a class inside the state dict.
    let mut own = Pickle(b"\x80\x02".to_vec());
    own.name("__main__", "Net");
    own.0.extend(b")\x81}b.");
    archive(&at("own.pth"), &own.0, &[], &[]);
    refused("own.pth", &["`__main__.Net`", "state_dict()"]);
    let mut evil = Pickle(b"\x80\x02}(".to_vec());
    evil.text("state_dict");
    evil.state(&Parameters::new(), "", false);
    evil.text("x");
    evil.name("posix", "system");
    evil.text("touch harm");
    evil.0.extend(b"\x85Ru.");
    archive(&at("evil.pth"), &evil.0, &[], &[]);
    refused("evil.pth", &["`posix.system`", "not run"]);
    assert!(!at("harm").exists());

    archive(
        &at("script.pt"),
        b"",
        &[],
        &["code/__torch__.py", "constants.pkl"],
    );
    refused("script.pt", &["TorchScript"]);
    fs::write(
        at("old.pth"),
        b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02",
    )
    .unwrap();
    refused("old.pth", &["before 1.6", "torch.save"]);
    fs::write(at("text.pth"), "hello").unwrap();
    refused("text.pth", &["not a checkpoint", "68 65 6c 6c"]);
    fs::write(at("plain.pkl"), b"\x80\x04N.").unwrap();
    refused("plain.pkl", &["a pickle that is not from `torch.save`"]);
    archive(&at("empty.pth"), b"\x80\x02}.", &[], &[]);
    refused("empty.pth", &["no named tensors", "an empty dictionary"]);
    archive(&at("cut.pth"), b"\x80\x02}", &[], &[]);
    refused("cut.pth", &["damaged", "data.pkl", "ends too early"]);

    // Tensors that extend beyond their numbers, or have none.
    let mut lying = parameters(SMALL);
    checkpoint(&at("short.pth"), &lying, &[], "", false);
    let mut pickle = Pickle(b"\x80\x02".to_vec());
    pickle.state(&lying, "", false);
    pickle.0.push(b'.');
    archive(&at("short.pth"), &pickle.0, &[], &[]);
    refused("short.pth", &["the tensor"]);
    for values in lying.values_mut() {
        values.0 = vec![1 << 30; 3];
    }
    checkpoint(&at("huge.pth"), &lying, &[], "", false);
    refused("huge.pth", &["beyond its storage"]);

    // The wrong architecture, and a checkpoint without its classifier.
    let mut headless = parameters(SMALL);
    headless.retain(|name, _| !name.starts_with("classifier"));
    checkpoint(&at("headless.pth"), &headless, &[], "", false);
    refused(
        "headless.pth",
        &["number of classes", "`classifier.1.weight`"],
    );
    checkpoint(&at("whole.pth"), &parameters(SMALL), &[], "", false);
    run(&folder, &["import", "whole.pth", "resnet18", "-o", "m"]).refused(&["whole.pth"]);
    run(&folder, &["import", "whole.pth", "squeezenet9", "-o", "m"])
        .refused(&["unknown architecture `squeezenet9`", "`squeezenet1_0`"]);
}

#[test]
fn a_file_as_the_model_is_told_what_to_do() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let coffee = photo("coffee.png");
    let refused = |model: &str, words: &[&str]| {
        run(&folder, &["classify", &coffee, "--model", model]).refused(words);
        run(&folder, &["layers", model]).refused(words);
        let mut by_variable = command(folder.path(), &["classify", &coffee]);
        by_variable.env("GRADCAM_MODEL", model);
        Run::of(by_variable.output().unwrap()).refused(words);
    };
    for (name, command) in [
        (
            "resnet18-f37072fd.pth",
            "`gradcam import resnet18-f37072fd.pth resnet18 -o resnet18-f37072fd`",
        ),
        (
            "best.ckpt",
            "`gradcam import best.ckpt ARCHITECTURE -o best`",
        ),
        (
            "my net.safetensors",
            "`gradcam import 'my net.safetensors' ARCHITECTURE -o 'my net'`",
        ),
        (
            "weights",
            "`gradcam import weights ARCHITECTURE -o weights`",
        ),
    ] {
        fs::write(at(name), "x").unwrap();
        refused(name, &[command, "`--arch "]);
    }
    refused("resnet18.pth", &["there is no file `resnet18.pth`"]);
    run(&folder, &["layers", "resnet18", "--arch", "resnet18"]).refused(&["`--arch resnet18`"]);
    fs::create_dir(at("dir")).unwrap();
    fs::write(at("dir/config.json"), "{}").unwrap();
    fs::write(at("dir/model.safetensors"), "x").unwrap();
    refused("dir/model.safetensors", &["`--model dir`"]);
}

#[test]
fn a_description_beside_the_file_is_used_where_it_fits() {
    let folder = tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    safetensors(&at("w.safetensors"), &parameters(SMALL), "module.");
    let coffee = photo("coffee.png");
    let told = |config: &str, words: &[&str]| {
        fs::write(at("config.json"), config).unwrap();
        let args = [
            "classify",
            &coffee,
            "--model",
            "w.safetensors",
            "--arch",
            SMALL,
        ];
        let run = run(&folder, &args);
        assert_eq!(run.code, Some(0), "{}", run.err);
        for word in words {
            assert!(run.err.contains(word), "no `{word}` in: {}", run.err);
        }
        run.text().to_string()
    };
    let fits = r#"{"architecture": "squeezenet1_1", "label_names": ["cat", "dog", "bird"]}"#;
    let out = told(
        fits,
        &["label names and preprocessing are those of `config.json`"],
    );
    assert!(out.contains("dog"), "{out}");
    let other = r#"{"architecture": "squeezenet1_1", "label_names": ["cat", "dog"]}"#;
    let out = told(
        other,
        &["for 2 classes", "`class 0` to `class 2`", "bilinear"],
    );
    assert!(out.contains("class 1"), "{out}");
    told(
        r#"{"architecture": "resnet18", "num_classes": 3}"#,
        &["`resnet18`"],
    );
    told("{", &["cannot be read"]);
}

#[test]
fn a_wrapper_in_a_folder_gets_a_hint() {
    let folder = tempdir().unwrap();
    let own = folder.path().join("own");
    fs::create_dir(&own).unwrap();
    let config = format!(r#"{{"architecture": "{SMALL}", "num_classes": 3}}"#);
    fs::write(own.join("config.json"), config).unwrap();
    for prefix in ["module.", "model.", "net.", "_orig_mod."] {
        safetensors(&own.join("model.safetensors"), &parameters(SMALL), prefix);
        run(&folder, &["layers", "own"]).refused(&[
            &format!("`{prefix}…`"),
            &format!("`gradcam import FILE {SMALL} -o DIR`"),
        ]);
    }
}

#[test]
fn names_are_read_in_any_case_and_punctuation() {
    let folder = tempdir().unwrap();
    let layers = |name: &str| run(&folder, &["layers", name]).text().to_string();
    for name in ["ResNet18", "RESNET-18", "resnet_18"] {
        assert_eq!(layers(name), layers("resnet18"), "{name}");
    }
    // Without network access, since the model is built in.
    let coffee = photo("coffee.png");
    for name in [
        "efficientnet_lite0",
        "EfficientNet-Lite0",
        "efficientnet lite0",
    ] {
        let mut by_variable = command(folder.path(), &["classify", &coffee, "--top", "1"]);
        by_variable
            .env("GRADCAM_MODEL", name)
            .env("HF_HUB_OFFLINE", "1");
        let run = Run::of(by_variable.output().unwrap());
        assert!(run.text().contains("espresso"), "{name}");
    }
    run(&folder, &["layers", "ResNet51"]).refused(&["`resnet50`"]);
}

#[test]
fn assumed_preprocessing_is_said_once() {
    let folder = tempdir().unwrap();
    let own = folder.path().join("own");
    fs::create_dir(&own).unwrap();
    safetensors(&own.join("model.safetensors"), &parameters(SMALL), "");
    let said = |config: &str| {
        fs::write(own.join("config.json"), config).unwrap();
        let args = [
            "classify",
            &photo("coffee.png"),
            &photo("rocket.jpg"),
            "--model",
            "own",
        ];
        let run = run(&folder, &args);
        assert_eq!(run.code, Some(0), "{}", run.err);
        run.err
    };
    let plain = said(r#"{"architecture": "squeezenet1_1", "num_classes": 3}"#);
    assert_eq!(plain.matches("assumed").count(), 1, "{plain}");
    for word in [
        "`mean`",
        "`crop_pct`",
        "224 × 224",
        "bilinear",
        "[0.485, 0.456, 0.406]",
    ] {
        assert!(plain.contains(word), "{plain}");
    }
    let cfg = r#""input_size": [3, 96, 96], "interpolation": "bicubic", "crop_pct": 1.0, "std": [0.5, 0.5, 0.5]"#;
    let head = r#"{"architecture": "squeezenet1_1", "num_classes": 3, "pretrained_cfg": {"#;
    let part = said(&format!("{head}{cfg}}}}}"));
    assert!(part.contains("does not say `mean`"), "{part}");
    let whole = said(&format!("{head}{cfg}, \"mean\": [0.5, 0.5, 0.5]}}}}"));
    assert!(!whole.contains("assumed"), "{whole}");
}
