//! Logits under masks equal those of pictures masked by hand.

use candle_core::{DType, Device, Tensor};
use gradcam::{Error, Grid, Size, Target, input_gradient, masked_logits};
use gradcam_models::architectures;
use gradcam_nn::{Network, Weights, logits};

const SIZE: (usize, usize) = (40, 36);

fn values(count: usize, step: f32) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * step).sin()).collect()
}

fn size() -> Size {
    Size::new(SIZE.0, SIZE.1).unwrap()
}

fn mask(index: usize) -> Grid {
    let wave = values(SIZE.0 * SIZE.1, 0.1 + index as f32 * 0.01);
    Grid::from_fn(size(), |i| wave[i] * 0.5 + 0.5)
}

#[test]
fn masked_logits_are_those_of_masked_pictures() {
    let architecture = architectures::find("mobilenetv3_small_100").unwrap();
    let network = architecture.build(&Weights::random(5), 7).unwrap();
    let (height, width) = SIZE;
    let pixels = values(3 * height * width, 0.3);
    let image = Tensor::from_vec(pixels.clone(), (1, 3, height, width), &Device::Cpu).unwrap();
    let baseline = [-0.5, 0.25, 1.0];
    // More masks than are in flight at a time.
    let count = 19;
    let mut seen = Vec::new();
    masked_logits(&network, &image, &baseline, count, mask, |i, logits| {
        seen.push((i, logits.to_vec()));
        Ok(())
    })
    .unwrap();
    assert_eq!(seen.len(), count);
    for (order, (index, found)) in seen.iter().enumerate() {
        assert_eq!(order, *index);
        let mask = mask(*index).into_values();
        let blended: Vec<f32> = pixels
            .iter()
            .enumerate()
            .map(|(i, &x)| {
                let (m, base) = (mask[i % mask.len()], baseline[i / mask.len()]);
                m * x + (1.0 - m) * base
            })
            .collect();
        let x = Tensor::from_vec(blended, (1, 3, height, width), &Device::Cpu).unwrap();
        let expected = network.forward(&x, &mut ()).unwrap();
        let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-4, "{found}, {expected}");
        }
    }

    let refused = |image: &Tensor, baseline: &[f32], mask: fn(usize) -> Grid| {
        masked_logits(&network, image, baseline, 2, mask, |_, _| Ok(())).unwrap_err()
    };
    assert!(matches!(
        refused(&image, &[0.0], mask),
        Error::Baseline {
            channels: 3,
            found: 1
        }
    ));
    let two = Tensor::cat(&[&image, &image], 0).unwrap();
    assert!(matches!(refused(&two, &baseline, mask), Error::Input(_)));
    let parts = |_| gradcam::Mask::Parts {
        size: size(),
        labels: vec![2; SIZE.0 * SIZE.1].into(),
        values: vec![1.0, 0.0],
    };
    let error = masked_logits(&network, &image, &baseline, 1, parts, |_, _| Ok(()));
    assert!(
        matches!(error, Err(Error::BadMask(found)) if found == size()),
        "{error:?}"
    );
    #[allow(clippy::reversed_empty_ranges)]
    for columns in [30..SIZE.1 + 1, 5..2] {
        let window = |_| gradcam::Mask::Window {
            size: size(),
            rows: 0..2,
            columns: columns.clone(),
        };
        let error = masked_logits(&network, &image, &baseline, 1, window, |_, _| Ok(()));
        assert!(
            matches!(error, Err(Error::BadMask(found)) if found == size()),
            "{error:?}"
        );
    }
    let small = |_| Grid::filled(Size::new(2, 2).unwrap(), 1.0);
    assert!(matches!(
        refused(&image, &baseline, small),
        Error::Mask { found, .. } if found.height_width() == (2, 2)
    ));
}

#[test]
fn a_batch_gives_what_its_images_give() {
    let architecture = architectures::find("resnet18").unwrap();
    let network = architecture.build(&Weights::random(5), 7).unwrap();
    let (height, width) = SIZE;
    let pixels = values(3 * 3 * height * width, 0.3);
    let images = Tensor::from_vec(pixels, (3, 3, height, width), &Device::Cpu).unwrap();
    let bits = |logits: Tensor| -> Vec<u32> {
        let values = logits.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values.into_iter().map(f32::to_bits).collect()
    };
    let spread = bits(logits(&network, &images).unwrap());
    let together = bits(network.forward(&images, &mut ()).unwrap());
    assert_eq!(spread, together);
}

/// Weights are packed when they are first needed, here by several threads at once.
#[test]
fn a_fresh_network_takes_a_batch() {
    let architecture = architectures::find("resnet18").unwrap();
    for seed in 0..3 {
        let network = architecture.build(&Weights::random(seed), 7).unwrap();
        let images = Tensor::ones((16, 3, 33, 33), DType::F32, &Device::Cpu).unwrap();
        assert_eq!(logits(&network, &images).unwrap().dims(), [16, 7]);
        let targets = vec![Target::Index(1); 16];
        let gradient = input_gradient(&network, &images, &targets).unwrap();
        assert_eq!(gradient.dims(), images.dims());
    }
}
