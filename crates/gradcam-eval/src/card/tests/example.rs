//! A card for tests: plausible numbers with all grades, none of them measured.
use std::collections::BTreeMap;

use super::super::*;
use crate::Direction;
use crate::statistics::{Gate, Grade, RULE};

const HASH: &str = "c5e7a6c1b2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9";

/// Makes a picture of 24 × 24 pixels as an uncompressed PNG.
pub(in crate::card) fn picture(path: &str) -> Option<Vec<u8>> {
    let shade = path.len() as u8;
    let mut raw = Vec::new();
    for row in 0..24u32 {
        raw.push(0);
        raw.extend((0..24u32).flat_map(|column| {
            let far = (row as f32 - 10.0).hypot(column as f32 - 13.0) / 16.0;
            let warm = (255.0 * (1.0 - far).clamp(0.0, 1.0)) as u8;
            [warm, warm / 2 + shade, 96]
        }));
    }
    let mut zlib = vec![0x78, 0x01, 0x01];
    zlib.extend((raw.len() as u16).to_le_bytes());
    zlib.extend((!(raw.len() as u16)).to_le_bytes());
    zlib.extend(&raw);
    let (mut low, mut high) = (1u32, 0u32);
    for &byte in &raw {
        low = (low + u32::from(byte)) % 65521;
        high = (high + low) % 65521;
    }
    zlib.extend((high << 16 | low).to_be_bytes());
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::from(24u32.to_be_bytes());
    header.extend(24u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    for (kind, body) in [(b"IHDR", header), (b"IDAT", zlib), (b"IEND", Vec::new())] {
        png.extend((body.len() as u32).to_be_bytes());
        let from = png.len();
        png.extend(kind);
        png.extend(body);
        let mut crc = !0u32;
        for &byte in &png[from..] {
            crc ^= u32::from(byte);
            for _ in 0..8 {
                crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
            }
        }
        png.extend((!crc).to_be_bytes());
    }
    Some(png)
}

fn curve(name: &str, points: usize, y: impl Fn(f64) -> f64, band: f64) -> Curve {
    let x: Vec<f64> = (0..points)
        .map(|i| i as f64 / (points - 1) as f64)
        .collect();
    let of = |shift: f64| x.iter().map(|&x| Some(y(x) + shift)).collect::<Vec<_>>();
    let (lo, hi) = if band > 0.0 {
        (of(-band), of(band))
    } else {
        (Vec::new(), Vec::new())
    };
    Curve {
        name: name.to_string(),
        y: of(0.0),
        x,
        lo,
        hi,
        reason: None,
    }
}

fn null(name: &str, value: f64, half: f64) -> Null {
    Null {
        name: name.to_string(),
        value: Some(value),
        reason: None,
        ci: Some([value - half, value + half]),
    }
}

fn gate(name: &str, required: &str, observed: &str, ok: bool) -> Gate {
    Gate {
        name: name.to_string(),
        required: required.to_string(),
        observed: observed.to_string(),
        ok,
    }
}

struct Row<'a> {
    id: &'a str,
    title: &'a str,
    paper: &'a str,
    metric: &'a str,
    direction: Direction,
    value: f64,
    half: f64,
    grade: Grade,
    reason: &'a str,
}

fn test(row: Row<'_>, description: &str, nulls: Vec<Null>) -> Test {
    let judged = matches!(row.grade, Grade::Pass | Grade::Inconclusive | Grade::Fail);
    Test {
        id: row.id.to_string(),
        title: row.title.to_string(),
        paper: row.paper.to_string(),
        protocol: Protocol {
            description: description.to_string(),
            target_policy: Some(TargetPolicy::OrigArgmax),
            compat: Some(Compatibility::Toolkit),
            ..Protocol::default()
        },
        metric: Measurement {
            name: row.metric.to_string(),
            unit: String::new(),
            direction: row.direction,
            value: Some(row.value),
            reason: None,
            ci: Some([row.value - row.half, row.value + row.half]),
            ci_method: Some("paired bootstrap over images, 1000 resamples, 95 %".to_string()),
            n: 486,
            n_excluded: 8,
            n_degenerate: 6,
            tie_fraction: None,
        },
        nulls,
        references: Vec::new(),
        gates: Vec::new(),
        p_value: judged.then_some(0.0001),
        p_holm: None,
        grade: row.grade,
        grade_reason: row.reason.to_string(),
        agreement_with_published: None,
        curves: Vec::new(),
        axes: None,
        per_item: None,
    }
}

/// A test that was not run.
fn grey(id: &str, title: &str, paper: &str, metric: &str, grade: Grade, reason: &str) -> Test {
    let mut test = test(
        Row {
            id,
            title,
            paper,
            metric,
            direction: Direction::Up,
            value: 0.0,
            half: 0.0,
            grade,
            reason,
        },
        "Not done on this card.",
        Vec::new(),
    );
    test.metric.value = None;
    test.metric.ci = None;
    test.metric.reason = Some(reason.to_string());
    (
        test.metric.n,
        test.metric.n_excluded,
        test.metric.n_degenerate,
    ) = (0, 0, 0);
    test
}

fn input() -> Vec<Test> {
    let mut deletion = test(
        Row {
            id: "deletion.rise",
            title: "Deletion",
            paper: "arXiv:1806.07421, section 4",
            metric: "area under the deletion curve",
            direction: Direction::Down,
            value: 0.1232,
            half: 0.0055,
            grade: Grade::Pass,
            reason: "better than every null: 0.1232 (0.1177 to 0.1287)",
        },
        "Pixels are taken away from the strongest on, and the probability of the class is followed. Lower is better.",
        vec![
            null("random_order", 0.254, 0.008),
            null("centre", 0.171, 0.007),
        ],
    );
    deletion.protocol.step = Some(1792);
    deletion.protocol.substrate = Some("mean of the data".to_string());
    deletion.protocol.tie_policy = Some("seeded random".to_string());
    deletion.metric.tie_fraction = Some(0.213);
    deletion.references = vec![
        Reference {
            name: "RISE".to_string(),
            value: Some(0.1076),
            ci: None,
            source: Source::Published,
            comparable: false,
        },
        Reference {
            name: "occlusion, 32 pixels".to_string(),
            value: Some(0.119),
            ci: None,
            source: Source::Measured,
            comparable: true,
        },
    ];
    let falling = |rate: f64| move |x: f64| 0.93 * (-rate * x).exp() + 0.004 * (40.0 * x).sin();
    deletion.curves = vec![
        curve("Grad-CAM", 225, falling(8.0), 0.02),
        curve("random order", 225, falling(3.4), 0.015),
        curve("centre first", 225, falling(5.2), 0.015),
    ];
    let axes = |x: &str, y: &str| Some([x.to_string(), y.to_string()]);
    deletion.axes = axes("share of pixels taken away", "probability");
    deletion.per_item = Some("deletion.csv".to_string());
    let mut insertion = test(
        Row {
            id: "insertion.rise",
            title: "Insertion",
            paper: "arXiv:1806.07421, section 4",
            metric: "area under the insertion curve",
            direction: Direction::Up,
            value: 0.601,
            half: 0.012,
            grade: Grade::Inconclusive,
            reason: "not surely better than a null: 0.6010 (0.5890 to 0.6130) against 0.5860 (0.5740 to 0.5980) of `centre`",
        },
        "A blurred picture gets its pixels back from the strongest on. Higher is better.",
        vec![
            null("random_order", 0.512, 0.011),
            null("centre", 0.586, 0.012),
        ],
    );
    insertion.protocol.step = Some(1792);
    insertion.protocol.blur = Some(Blur {
        kind: "gaussian in a box".to_string(),
        k: 11,
        sigma: Some(5.0),
    });
    insertion.curves = vec![
        curve(
            "Grad-CAM",
            29,
            |x| 0.12 + 0.78 * (1.0 - (-4.0 * x).exp()),
            0.03,
        ),
        curve("random order", 29, |x| 0.12 + 0.76 * x, 0.02),
    ];
    insertion.axes = axes("share of pixels given back", "probability");
    let mut infidelity = grey(
        "infidelity.square_removal_with_an_optimal_scale",
        "Infidelity with the removal of squares and an optimal scale, for a title that runs on",
        "arXiv:1901.09392",
        "infidelity",
        Grade::NotRun,
        "24 % of the samples have no value, more than 20 %",
    );
    infidelity.nulls = vec![Null {
        name: "random_map".to_string(),
        value: None,
        reason: Some("not finite".to_string()),
        ci: None,
    }];
    vec![deletion, insertion, infidelity]
}

fn label() -> Vec<Test> {
    let mut data = test(
        Row {
            id: "data_randomization",
            title: "Data randomization",
            paper: "arXiv:1810.03292",
            metric: "Spearman's rank correlation",
            direction: Direction::Down,
            value: 0.07,
            half: 0.05,
            grade: Grade::Inconclusive,
            reason: "the gate `memorised` does not hold: 0.71, required a training accuracy of 0.95",
        },
        "A network is trained on permuted labels; its maps are held against those of the network with true labels.",
        vec![
            null("two_seeds", 0.62, 0.04),
            null("random_pair", 0.05, 0.03),
        ],
    );
    data.gates = vec![
        gate(
            "memorised",
            "a training accuracy of at least 0.95",
            "0.71",
            false,
        ),
        gate(
            "learnt",
            "a test accuracy of at least 0.95 with true labels",
            "0.988",
            true,
        ),
    ];
    vec![
        data,
        grey(
            "model_contrast_score",
            "Model contrast score",
            "arXiv:1907.09701",
            "model contrast score",
            Grade::NotRun,
            "the data have no pairs of objects and scenes",
        ),
    ]
}

fn model() -> Vec<Test> {
    let mut cascading = test(
        Row {
            id: "cascading_randomization",
            title: "Cascading parameter randomization",
            paper: "arXiv:1810.03292",
            metric: "SSIM after the last block",
            direction: Direction::Down,
            value: 0.21,
            half: 0.02,
            grade: Grade::Pass,
            reason: "better than every null: 0.2100 (0.1900 to 0.2300)",
        },
        "Blocks are drawn anew from the classifier down; the class stays that of the untouched network.",
        vec![null("random_pair", 0.31, 0.03)],
    );
    cascading.protocol.window = Some("gaussian 1.5".to_string());
    cascading.protocol.data_range = Some(1.0);
    let steps = |y: &[f64]| {
        let mut curve = curve("", y.len(), |_| 0.0, 0.0);
        curve.x = (0..y.len()).map(|i| i as f64).collect();
        curve.y = y.iter().map(|v| v.is_finite().then_some(*v)).collect();
        curve
    };
    let mut rank = steps(&[1.0, 0.62, 0.31, f64::NAN, 0.09, 0.05, 0.03]);
    rank.name = "Spearman".to_string();
    rank.reason = Some("all maps are zero after `layer2`".to_string());
    let mut similarity = steps(&[1.0, 0.7, 0.52, 0.4, 0.33, 0.25, 0.21]);
    similarity.name = "SSIM".to_string();
    cascading.curves = vec![similarity, rank];
    let independent = test(
        Row {
            id: "independent_randomization",
            title: "Independent parameter randomization",
            paper: "arXiv:1810.03292",
            metric: "SSIM, the largest over blocks",
            direction: Direction::Down,
            value: 0.44,
            half: 0.03,
            grade: Grade::Fail,
            reason: "no better than a null: 0.4400 (0.4100 to 0.4700) against 0.3100 (0.2800 to 0.3400) of `random_pair`",
        },
        "One block at a time is drawn anew.",
        vec![null("random_pair", 0.31, 0.03)],
    );
    let mut weights = independent.clone();
    weights.id = "model_weight_randomization".to_string();
    weights.title = "Model weight randomization".to_string();
    weights.paper = "doi:10.1148/ryai.2021200267".to_string();
    weights.metric.value = Some(0.19);
    weights.metric.ci = Some([0.17, 0.21]);
    weights.grade = Grade::Pass;
    weights.grade_reason = "better than every null: 0.1900 (0.1700 to 0.2100)".to_string();
    vec![
        cascading,
        independent,
        weights,
        grey(
            "repeatability",
            "Repeatability",
            "doi:10.1148/ryai.2021200267",
            "SSIM",
            Grade::NotRun,
            "there is no second network of the same training",
        ),
    ]
}

fn perception() -> Vec<Test> {
    let mut pointing = test(
        Row {
            id: "pointing_game.torchray",
            title: "Pointing game",
            paper: "arXiv:1608.00507",
            metric: "share of hits",
            direction: Direction::Up,
            value: 0.904,
            half: 0.02,
            grade: Grade::Inconclusive,
            reason: "better than every null, worse than the reference: 0.9040 (0.8840 to 0.9240) against 0.9610 (0.9450 to 0.9770) of `person`",
        },
        "The highest value of the map lies within 15 pixels of the object.",
        vec![null("centre", 0.696, 0.03), null("untrained", 0.31, 0.04)],
    );
    pointing.references = vec![Reference {
        name: "person".to_string(),
        value: Some(0.961),
        ci: Some([0.945, 0.977]),
        source: Source::Measured,
        comparable: true,
    }];
    let utility = test(
        Row {
            id: "localization_utility",
            title: "Localization utility",
            paper: "doi:10.1148/ryai.2021200267",
            metric: "average precision of pixels",
            direction: Direction::Up,
            value: 0.14,
            half: 0.02,
            grade: Grade::Fail,
            reason: "no better than a null: 0.1400 (0.1200 to 0.1600) against 0.1620 (0.1520 to 0.1720) of `mean_mask`",
        },
        "Pixels are ranked by the map; the marked ones should come first.",
        vec![
            null("prevalence", 0.05, 0.004),
            null("untrained", 0.06, 0.01),
            null("mean_mask", 0.162, 0.01),
        ],
    );
    let people = grey(
        "visual_sharpening",
        "Visual sharpening",
        "arXiv:1706.03825",
        "none",
        Grade::NotApplicable,
        "it is a judgement of people",
    );
    vec![pointing, utility, people]
}

fn methodology() -> Methodology {
    let exact = |id: &str, title: &str, value: f64, reason: &str| {
        let row = Row {
            id,
            title,
            paper: "the saliency card's template",
            metric: "largest difference",
            direction: Direction::Down,
            value,
            half: 0.0,
            grade: Grade::Pass,
            reason,
        };
        let mut test = test(
            row,
            "The same picture five times, in two processes, on one thread and on all.",
            Vec::new(),
        );
        (
            test.p_value,
            test.p_holm,
            test.metric.ci,
            test.metric.ci_method,
        ) = (None, None, None, None);
        test
    };
    let layers = ["layer1", "layer2", "layer3", "layer4.2.conv3"];
    let sweep = layers.iter().enumerate().flat_map(|(i, layer)| {
        ["nearest", "bilinear", "bicubic"]
            .into_iter()
            .enumerate()
            .map(move |(j, interp)| Setting {
                layer: layer.to_string(),
                interp: interp.to_string(),
                spearman: (i + j > 0).then_some(0.2 + 0.23 * i as f64 + 0.02 * j as f64),
                ssim: Some(0.3 + 0.2 * i as f64),
                iou15: Some(0.1 + 0.24 * i as f64),
                displacement: Some(40.0 - 10.0 * i as f64),
                picture: (j == 1).then(|| format!("sweep/{layer} {interp}.png")),
            })
    });
    Methodology {
        determinism: exact("determinism", "Determinism", 0.0, "the largest error 0e0 is at most 1e-6"),
        hyperparameters: Hyperparameters {
            note: "The layer and the interpolation. The last convolutional layer and bilinear interpolation are the default.".to_string(),
            sweep: sweep.collect(),
        },
        agnosticism: Agnosticism {
            applicable: true,
            requires: "It needs a layer with a spatial map and the gradient of the score with respect to it.".to_string(),
            operations: [("convolution", 53), ("batch norm", 53), ("ReLU", 49), ("max pooling", 1), ("linear", 1)]
                .into_iter()
                .map(|(name, count)| Operation { name: name.to_string(), count, supported: true })
                .collect(),
            gradient_check: Some(exact(
                "gradient_check",
                "Gradient against finite differences",
                3.1e-5,
                "the largest error 3.1e-5 is at most 1e-3",
            )),
        },
        efficiency: Efficiency {
            median_s: Some(0.0453),
            quartiles_s: Some([0.0402, 0.0441]),
            p95_s: Some(0.0481),
            n: 30,
            forward_s: Some(0.0312),
            decade: Some(0.01),
            reason: None,
        },
        directness: Directness {
            note: "The positive part of the weighted sum of a layer's maps. To read it one has to know what a layer and a gradient are.".to_string(),
            resolution: [7, 7],
            receptive_field: Some([483, 483]),
            signed: false,
            relu_removed: Some(0.38),
        },
    }
}

/// The card.
pub(in crate::card) fn example() -> Card {
    let published = published().unwrap();
    let sparsity = test(
        Row {
            id: "sparsity",
            title: "Sparsity",
            paper: "arXiv:2201.13291",
            metric: "maximum over mean",
            direction: Direction::None,
            value: 5.28,
            half: 0.4,
            grade: Grade::Info,
            reason: "the measure describes and does not judge",
        },
        "The maximum of the map over its mean, at the layer's resolution.",
        Vec::new(),
    );
    let mut sections = Sections {
        input_sensitivity: input(),
        label_sensitivity: label(),
        model_sensitivity: model(),
        minimality: vec![sparsity],
        perceptual_correspondence: perception(),
        without_tests: BTreeMap::new(),
    };
    for test in sections
        .input_sensitivity
        .iter_mut()
        .chain(&mut sections.label_sensitivity)
        .chain(&mut sections.model_sensitivity)
        .chain(&mut sections.minimality)
        .chain(&mut sections.perceptual_correspondence)
    {
        let entry = published.card.entry(test.published_id());
        test.agreement_with_published = entry.map(|entry| agreement(test.grade, entry.grade, true));
    }
    let methodology = methodology();
    let sweep = methodology.hyperparameters.sweep.clone();
    let pictures = sweep.into_iter().filter_map(|setting| setting.picture);
    let shown = pictures
        .chain(["examples/boxer <dog> & a cat.png".to_string()])
        .map(|path| Artifact {
            caption: Some(format!("Grad-CAM for `boxer`, {path}")),
            path,
            sha256: HASH.to_string(),
            kind: "picture".to_string(),
        });
    let listed = Artifact {
        path: "deletion.csv".to_string(),
        sha256: HASH.to_string(),
        kind: "per_item".to_string(),
        caption: None,
    };
    let mut card = Card {
        schema: Some("card.schema.json".to_string()),
        schema_version: SCHEMA_VERSION.to_string(),
        rule_id: RULE.to_string(),
        method: Method {
            name: "Grad-CAM".to_string(),
            variant: None,
            target: Score::Logit,
            relu: true,
            weights: Some(Weights::Mean),
            layer: Some("layer4".to_string()),
            interpolation: "bilinear".to_string(),
            align_corners: false,
            normalisation: "min-max".to_string(),
        },
        model: Model {
            name: "ResNet-50".to_string(),
            format: "safetensors".to_string(),
            sha256: HASH.to_string(),
            params: 25_557_032,
            input_shape: vec![3, 224, 224],
            classes: 1000,
            cam_layer_shape: Some(vec![2048, 7, 7]),
            accuracy: Some(Accuracy {
                split: "ImageNet val".to_string(),
                value: 0.80858,
                n: 50_000,
            }),
        },
        data: vec![
            Data {
                id: "photos".to_string(),
                role: Role::Eval,
                kind: Kind::Real,
                loader: "folder of classes".to_string(),
                path_hash: Some("9f86d081884c7d65".to_string()),
                n: 500,
                classes: 1000,
                annotation: Annotation::Box,
                generator: None,
            },
            Data {
                id: "shapes".to_string(),
                role: Role::Train,
                kind: Kind::Synthetic,
                loader: "shapes on texture".to_string(),
                path_hash: None,
                n: 2000,
                classes: 8,
                annotation: Annotation::Mask,
                generator: Some(Generator {
                    name: "shapes".to_string(),
                    seed: 7,
                    params: BTreeMap::from([("size".to_string(), "64".to_string())]),
                }),
            },
        ],
        environment: Environment {
            toolkit_version: "0.1.0".to_string(),
            git_commit: Some("edd6ac5".to_string()),
            rustc: "1.89.0".to_string(),
            cpu: "an example processor".to_string(),
            threads: 2,
            os: "linux".to_string(),
            seed: 0,
            started: None,
            wall_s: None,
        },
        methodology,
        sections,
        published_card: Some(published.card),
        errata: published.errata,
        limitations: vec![
            "No number on this card was measured: it is an example.".to_string(),
            "One network and one set of pictures say little of others.".to_string(),
        ],
        artifacts: shown.chain([listed]).collect(),
    };
    card.correct().unwrap();
    card
}
