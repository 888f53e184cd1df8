//! Maps that look at objects or past them.

use super::*;

/// Names one class, whatever the picture, with a probability that depends on its first pixel by `slope`.
struct Says {
    class: usize,
    slope: f64,
}

impl Network for Says {
    fn forward(&self, x: &Tensor, _: &mut dyn Pass) -> Candle<Tensor> {
        let first = x.flatten_from(1)?.narrow(1, 0, 1)?;
        let own = ((first.abs()? * self.slope)? + 1.0)?;
        let none = own.zeros_like()?;
        let parts: Vec<&Tensor> = (0..3)
            .map(|i| if i == self.class { &own } else { &none })
            .collect();
        Tensor::cat(&parts, 1)
    }
}

fn object() -> Vec<bool> {
    (0..SIDE * SIDE)
        .map(|i| i % SIDE < 4 && i / SIDE < 8)
        .collect()
}

fn scene(number: usize) -> Result<Scene> {
    Ok(Scene {
        image: image(number)?,
        object: object(),
        object_class: 1,
        scene_class: number % 3,
    })
}

fn on_object(factor: f32) -> impl Fn(&dyn Network, &Tensor, usize) -> Result<Grid> {
    move |_, _, _| {
        let values = object().into_iter();
        let values = values.map(|inside| if inside { factor } else { 1.0 });
        Ok(grid(SIDE, SIDE, &values.collect::<Vec<_>>()))
    }
}

#[test]
fn maps_are_clipped_at_their_99th_percentile() {
    let ramp = grid(
        1,
        101,
        &(0..101).map(|i| i as f32 - 1.0).collect::<Vec<_>>(),
    );
    // Without the negative value 0, 0, 1 … 99, whose percentile is 98.
    let found = contrast_map(&ramp).unwrap();
    assert!((found.values[50] - 49.0 / 99.0 * 99.0 / 98.0).abs() < 1e-6);
    assert_eq!((found.values[0], found.values[100]), (0.0, 1.0));
    let mut mask = vec![false; 101];
    (mask[0], mask[50], mask[100]) = (true, true, true);
    assert!((inside(&ramp, &mask).unwrap() - (49.0 / 98.0 + 1.0) / 3.0).abs() < 1e-6);
    let negative = grid(1, 2, &[-1.0, -2.0]);
    assert_eq!(undefined(contrast_map(&negative)), Undefined::NoMass);
    let mut point = grid(20, 20, &[0.0; 400]);
    point.values[7] = 1.0;
    assert_eq!(undefined(contrast_map(&point)), Undefined::Constant);
}

#[test]
fn the_contrast_of_networks_that_look_elsewhere() {
    let (objects, scenes) = (
        Says {
            class: 1,
            slope: 0.0,
        },
        Says {
            class: 2,
            slope: 0.0,
        },
    );
    let (there, elsewhere) = (on_object(3.0), on_object(0.5));
    let side = |network, explain| Side { network, explain };
    let (a, b) = (side(&objects, &there), side(&scenes, &elsewhere));
    let found = on_any_threads(|| model_contrast(&a, &b, (90, &scene), 0).unwrap());
    // Only every third scene has the class that the second network names.
    assert_eq!(found.images, (0..30).map(|i| 3 * i + 2).collect::<Vec<_>>());
    assert_eq!(found.score.mean.unwrap().value, 1.0);
    assert_eq!(model_contrast_test(&found).graded().grade, Grade::Pass);
    let (a, b) = (side(&objects, &elsewhere), side(&scenes, &there));
    let found = model_contrast(&a, &b, (90, &scene), 0).unwrap();
    assert_eq!(found.score.mean.unwrap().value, -1.0);
    let (a, b) = (side(&objects, &there), side(&scenes, &there));
    let found = model_contrast(&a, &b, (90, &scene), 0).unwrap();
    assert_eq!(model_contrast_test(&found).graded().grade, Grade::Fail);
}

fn rate(measured: &Measured) -> f64 {
    measured.mean.unwrap().value
}

#[test]
fn objects_and_patches_that_do_not_matter() {
    let network = Says {
        class: 1,
        slope: 0.0,
    };
    let explain =
        |_: &dyn Network, image: &Tensor, _: usize| Ok(picture(&network, image, 0)?.map(f32::abs));
    let side = Side {
        network: &network,
        explain: &explain,
    };
    // A map of the picture: the scene alone is brighter at the object's place in every second pair.
    let pairs = |number: usize| {
        let ramp = wave(SIDE, SIDE, 0.05).map(|v| 0.1 + v);
        let with = |factor: f32| {
            let pixels = ramp.values.iter().zip(object());
            let pixels: Vec<f32> = pixels
                .map(|(v, inside)| if inside { factor * v } else { *v })
                .collect();
            Tensor::from_vec(pixels, (1, 1, SIDE, SIDE), &Device::Cpu).unwrap()
        };
        let scene = Scene {
            image: with(0.3),
            ..scene(number)?
        };
        Ok((
            scene,
            with(if number.is_multiple_of(2) { 0.9 } else { 0.1 }),
        ))
    };
    assert_eq!(
        rate(&input_dependence(&side, (10, &pairs), 0).unwrap()),
        0.5
    );

    let options = Patches::default();
    let steady = on_object(3.0);
    let still = Side {
        network: &network,
        explain: &steady,
    };
    let found = on_any_threads(|| input_independence(&still, (8, &scene), &options).unwrap());
    assert_eq!(rate(&found), 1.0);
    let loud = Patches {
        amplitude: 4.0,
        ..options
    };
    assert!(rate(&input_independence(&side, (8, &scene), &loud).unwrap()) < 0.3);
    // A network that looks at a pixel of the patch leaves none without meaning, unless more is allowed.
    let wary = Says {
        class: 1,
        slope: 50.0,
    };
    let strict = Patches {
        tolerance: 0.0,
        ..options
    };
    let still = Side {
        network: &Says {
            class: 1,
            slope: 0.3,
        },
        explain: &steady,
    };
    let found = input_independence(&still, (4, &scene), &strict).unwrap();
    assert_eq!(found.values.undefined().len(), 4);
    assert_eq!(found.values.outcomes[0], Err(Undefined::NoPatch));
    let found = input_independence(
        &Side {
            network: &wary,
            ..still
        },
        (4, &scene),
        &options,
    );
    assert!(found.unwrap().values.undefined().len() < 4);
    let nothing = Patches {
        candidates: 0,
        ..options
    };
    assert!(input_independence(&still, (4, &scene), &nothing).is_err());
}

#[test]
fn an_image_of_another_type_stays_of_it() {
    let image = image(0).unwrap().to_dtype(DType::F64).unwrap();
    let network = Says {
        class: 2,
        slope: 0.0,
    };
    assert_eq!(predicted(&network, &image).unwrap(), 2);
}
