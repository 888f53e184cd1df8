//! Networks, methods and preprocessing.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use gradcam::{Explainer, Method, RecordedGradCam, Target, grad_cam_batch, input_gradient};
use gradcam_models::architectures;
use gradcam_models::preprocess::{Fit, Preprocess};
use gradcam_nn::{Graph, ModuleTree, Weights};

use super::{apart, device, values};

/// Builds the same network on the processor and on a device.
fn networks(name: &str, device: &Device) -> [ModuleTree; 2] {
    in_type(name, device, DType::F32)
}

/// Builds the same networks, with another matrix type on the device.
fn in_type(name: &str, device: &Device, dtype: DType) -> [ModuleTree; 2] {
    let architecture = architectures::find(name).unwrap();
    let random = Weights::random(3);
    let here = architecture.build(&random, 10).unwrap();
    let parameters: BTreeMap<String, Tensor> = random
        .requested()
        .into_iter()
        .map(|(name, shape)| {
            let parameter = random.get(&name, &shape).unwrap();
            let parameter = match shape.len() {
                0 | 1 => parameter,
                _ => parameter.to_dtype(dtype).unwrap(),
            };
            (name, parameter.to_device(device).unwrap())
        })
        .collect();
    let there = architecture.build(&Weights::from_tensors(parameters), 10);
    [here, there.unwrap()]
}

/// One network of each family, and the side of a small picture for it.
const FAMILIES: [(&str, usize); 14] = [
    ("resnet18", 64),
    ("resnext50_32x4d", 64),
    ("vgg11_bn", 64),
    ("densenet121", 64),
    ("googlenet", 64),
    ("inception_v3", 107),
    ("mobilenetv2_100", 64),
    ("mobilenetv3_small_100", 64),
    ("efficientnet_b0", 64),
    ("convnext_tiny", 64),
    ("squeezenet1_1", 64),
    ("vit_tiny_patch16_224", 64),
    ("dinov2_vits14_reg_lc", 56),
    ("swin_tiny_patch4_window7_224", 200),
];

#[test]
fn every_family_agrees() {
    let Some(device) = device() else { return };
    for (name, side) in FAMILIES {
        let [here, there] = networks(name, &device);
        let images = values(&[1, 3, side, side], 1);
        let moved = images.to_device(&device).unwrap();
        let targets = [vec![Target::Index(3)]];
        let maps = |network: &ModuleTree, images: &Tensor| {
            let maps = Explainer::default().explain(network, images, &targets);
            let map = maps.unwrap_or_else(|error| panic!("{name}: {error}"));
            let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
            let gradient = input_gradient(network, images, &targets[0]).unwrap();
            let gradient = gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            [wide(map[0][0].raw().values()), wide(&gradient)]
        };
        let (here, there) = (maps(&here, &images), maps(&there, &moved));
        for (part, limit) in [(0, 1e-3), (1, 1e-2)] {
            let found = apart(&here[part], &there[part]);
            assert!(found < limit, "{name}: part {part} is {found:e} off");
        }
    }
}

#[test]
fn a_batch_agrees_with_the_explainer() {
    let mut devices = vec![Device::Cpu];
    devices.extend(device());
    for device in devices {
        for name in ["mobilenetv3_small_100", "vit_tiny_patch16_224"] {
            let [here, there] = networks(name, &device);
            let layer = match name {
                "vit_tiny_patch16_224" => "blocks.11.norm1",
                _ => "blocks",
            };
            let images = values(&[2, 3, 64, 64], 1);
            let explainer = Explainer::default().at(layer);
            let targets = [vec![Target::Top(0)], vec![Target::Top(0)]];
            let expected = explainer.explain(&here, &images, &targets).unwrap();
            let moved = images.to_device(&device).unwrap();
            let found = grad_cam_batch(&there, &moved, layer, None).unwrap();
            let maps = found.upsampled.to_vec3::<f32>().unwrap();
            for (map, expected) in maps.iter().zip(&expected) {
                let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect();
                let expected: Vec<f64> = wide(expected[0].upsampled.values());
                let found = apart(&expected, &wide(&map.concat()));
                assert!(found < 1e-4, "{name} on {device:?}: {found:e} off");
            }
        }
    }
}

/// 16 bits give nearly the same maps.
#[test]
fn bf16_is_near() {
    let Some(device) = device() else { return };
    for (name, layer) in [("resnet18", "layer4"), ("mobilenetv3_small_100", "blocks")] {
        let [here, there] = in_type(name, &device, DType::BF16);
        let images = values(&[2, 3, 64, 64], 1);
        let classes = |device: &Device| Tensor::new(&[3_u32, 7], device).unwrap();
        let expected = grad_cam_batch(&here, &images, layer, Some(&classes(&Device::Cpu)));
        let moved = images.to_device(&device).unwrap();
        let moved = moved.to_dtype(DType::BF16).unwrap();
        let found = grad_cam_batch(&there, &moved, layer, Some(&classes(&device))).unwrap();
        let flat = |x: &Tensor| -> Vec<f64> {
            let values = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            values.into_iter().map(f64::from).collect()
        };
        let expected = expected.unwrap();
        let apart = apart(&flat(&expected.maps), &flat(&found.maps));
        assert!(apart < 0.1, "{name}: {apart:e} off");
        assert!(apart > 1e-5, "{name} was not computed in bf16");
    }
}

/// A picture prepared on a device equals the processor's.
#[test]
fn preprocessing_agrees() {
    let Some(device) = device() else { return };
    let picture = image::RgbImage::from_fn(97, 71, |x, y| {
        image::Rgb([0, 83, 166].map(|c| ((37 * x + 59 * y + c) % 256) as u8))
    });
    let settings = Preprocess::default();
    let expected = settings.prepare(&picture, Fit::Crop, &Device::Cpu).unwrap();
    let (found, _) = settings.prepare_on(&picture, Fit::Crop, &device).unwrap();
    let flat = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(flat(&found), flat(&expected.tensor));
}

/// No family reads from the device on the way to its maps: work that does cannot be recorded. Swin writes tables to the device that are too
/// large.
#[test]
fn nothing_is_read_on_the_way() {
    let Some(device) = device() else { return };
    let one = Tensor::ones(1, DType::F32, &device).unwrap();
    let reading = || one.to_vec1::<f32>().map(drop);
    assert!(Graph::record(&device, reading).is_err());
    for (name, side) in FAMILIES {
        if name.starts_with("swin") {
            continue;
        }
        let [_, network] = networks(name, &device);
        let images = values(&[1, 3, side, side], 1).to_device(&device).unwrap();
        let layer = architectures::find(name).unwrap().default_layer;
        if let Err(error) = RecordedGradCam::new(&network, &images, layer, None) {
            panic!("{name}: {error}");
        }
    }
}

/// Runs methods of each kind on a device.
#[test]
fn methods_agree() {
    let Some(device) = device() else { return };
    let [here, there] = networks("mobilenetv3_small_100", &device);
    let image = values(&[1, 3, 64, 64], 1);
    let moved = image.to_device(&device).unwrap();
    for name in [
        "grad-cam++",
        "layer-cam",
        "ablation-cam",
        "guided-backprop",
        "integrated-gradients",
        "deeplift",
        "lrp",
        "fullgrad",
        "occlusion",
        "score-cam",
        "rise",
        "feature-ablation",
    ] {
        let method: Method = name.parse().unwrap();
        let raw = |network: &ModuleTree, image: &Tensor| {
            let explainer = Explainer {
                budget: Some(40),
                ..Explainer::of(method.clone())
            };
            let map = explainer.explain_one(network, image, Target::Index(3));
            let map = map.unwrap_or_else(|error| panic!("{name}: {error}"));
            let values = map.raw().values().iter();
            values.map(|&v| f64::from(v)).collect::<Vec<_>>()
        };
        let found = apart(&raw(&here, &image), &raw(&there, &moved));
        assert!(found < 1e-3, "{name}: {found:e} off");
    }
}

/// A recorded batch sees new images, and gives the same results as step-by-step computation.
#[test]
fn a_recorded_batch_agrees() {
    let Some(device) = device() else { return };
    let [_, network] = networks("mobilenetv3_small_100", &device);
    let images = |seed| values(&[2, 3, 64, 64], seed).to_device(&device).unwrap();
    let given = Tensor::new(&[3_u32, 7], &device).unwrap();
    for (classes, seed) in [(None, 2), (None, 3), (Some(&given), 4)] {
        let recorded = RecordedGradCam::new(&network, &images(1), "blocks", classes).unwrap();
        let found = recorded.maps(&images(seed)).unwrap();
        let expected = grad_cam_batch(&network, &images(seed), "blocks", classes).unwrap();
        for (found, expected) in [
            (&found.upsampled, &expected.upsampled),
            (&found.maps, &expected.maps),
            (&found.logits, &expected.logits),
        ] {
            let flat = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(flat(found), flat(expected));
        }
    }
}
