//! Maps that depend on objects or ignore them.

use super::*;

/// Predicts one class, whatever the picture, with a probability that depends on its first pixel by `slope`.
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
        alone: image(number + 100)?,
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
    // Without the negative value: 0, 0, 1 … 99, whose percentile is 98.
    let found = contrast_map(&ramp).unwrap();
    assert!((found.values()[50] - 49.0 / 99.0 * 99.0 / 98.0).abs() < 1e-6);
    assert_eq!((found.values()[0], found.values()[100]), (0.0, 1.0));
    let mut mask = vec![false; 101];
    (mask[0], mask[50], mask[100]) = (true, true, true);
    assert!((inside(&ramp, &mask).unwrap() - (49.0 / 98.0 + 1.0) / 3.0).abs() < 1e-6);
    let negative = grid(1, 2, &[-1.0, -2.0]);
    assert_eq!(undefined(contrast_map(&negative)), Undefined::NoMass);
    let mut point = grid(20, 20, &[0.0; 400]);
    point.values_mut()[7] = 1.0;
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
    // Only every third scene has the class that the second network predicts.
    assert_eq!(found.images, (0..30).map(|i| 3 * i + 2).collect::<Vec<_>>());
    assert_eq!(found.score.mean.unwrap().value, 1.0);
    assert_eq!(
        model_contrast_test(&found, 0).unwrap().graded().grade,
        Grade::Pass
    );
    let (a, b) = (side(&objects, &elsewhere), side(&scenes, &there));
    let found = model_contrast(&a, &b, (90, &scene), 0).unwrap();
    assert_eq!(found.score.mean.unwrap().value, -1.0);
    let (a, b) = (side(&objects, &there), side(&scenes, &there));
    let found = model_contrast(&a, &b, (90, &scene), 0).unwrap();
    assert_eq!(
        model_contrast_test(&found, 0).unwrap().graded().grade,
        Grade::Fail
    );
}

fn rate(found: &Contrast) -> f64 {
    found.score.mean.unwrap().value
}

/// Grey pictures with the object's pixels multiplied by `factor`.
fn shaded(factor: f32) -> Tensor {
    let ramp = wave(SIDE, SIDE, 0.05).map(|v| 0.1 + v);
    let pixels = ramp.values().iter().zip(object());
    let pixels: Vec<f32> = pixels
        .map(|(v, inside)| if inside { factor * v } else { *v })
        .collect();
    Tensor::from_vec(pixels, (1, 1, SIDE, SIDE), &Device::Cpu).unwrap()
}

#[test]
fn an_object_that_hides_the_scene_counts() {
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
    // A map of the picture: the scene alone is brighter in the object's region in three of four pairs.
    let pairs = |number: usize| {
        Ok(Scene {
            image: shaded(0.3),
            alone: shaded(if number % 4 == 1 { 0.1 } else { 0.9 }),
            object_class: 0,
            scene_class: if number < 120 { 1 } else { 2 },
            object: object(),
        })
    };
    let found = on_any_threads(|| input_dependence(&side, (130, &pairs), 0).unwrap());
    assert_eq!((rate(&found), found.images.len()), (0.75, 120));
    assert_eq!(
        input_dependence_test(&found, 0).unwrap().graded().grade,
        Grade::Pass
    );
    let found = input_dependence(&side, (40, &|i| pairs(4 * i + 1)), 0).unwrap();
    assert_eq!(
        input_dependence_test(&found, 0).unwrap().graded().grade,
        Grade::Fail
    );
}

#[test]
fn patches_that_mean_nothing() {
    let of = |scene_class| {
        move |_: usize| {
            Ok(Scene {
                image: shaded(0.9),
                alone: shaded(0.3),
                object_class: 0,
                scene_class,
                object: object(),
            })
        }
    };
    let constant = Says {
        class: 1,
        slope: 0.0,
    };
    let steady = on_object(3.0);
    let shown =
        |_: &dyn Network, image: &Tensor, _: usize| Ok(picture(&constant, image, 0)?.map(f32::abs));
    let options = Descent {
        steps: 20,
        ..Descent::default()
    };
    let side = |network, explain| Side { network, explain };
    let rated = |side: &Side<'_>, options: &Descent| {
        input_independence(side, (8, &of(1)), options, 0).unwrap()
    };
    assert_eq!(rate(&rated(&side(&constant, &steady), &options)), 1.0);
    assert_eq!(rate(&rated(&side(&constant, &shown), &options)), 0.0);
    // Only scenes that the network classifies correctly count.
    let unknown = input_independence(&side(&constant, &steady), (8, &of(2)), &options, 0).unwrap();
    assert!(unknown.images.is_empty() && unknown.score.mean.is_none());

    // A network that depends on a pixel of the patch: the descent reverts the change made by the object's own pixels.
    let wary = Says {
        class: 1,
        slope: 3.0,
    };
    let object_itself = Descent {
        steps: 0,
        ..options
    };
    let found = rated(&side(&wary, &steady), &object_itself);
    assert_eq!(found.score.values.outcomes[0], Err(Undefined::NoPatch));
    let found = on_any_threads(|| rated(&side(&wary, &steady), &Descent::default()));
    assert_eq!((rate(&found), found.images.len()), (1.0, 8));
    let nothing = Descent {
        bounds: (1.0, 1.0),
        ..options
    };
    assert!(input_independence(&side(&wary, &steady), (4, &of(1)), &nothing, 0).is_err());
}

/// Predicts class 1 if the first pixel is above 0 or the second one at least `needs`.
struct Leans {
    needs: f64,
}

impl Network for Leans {
    fn forward(&self, x: &Tensor, _: &mut dyn Pass) -> Candle<Tensor> {
        let pixels = x.flatten_from(1)?.to_dtype(DType::F64)?.to_vec2::<f64>()?;
        let says = |row: &Vec<f64>| f32::from(u8::from(row[0] > 0.0 || row[1] >= self.needs));
        let own: Vec<f32> = pixels.iter().map(says).collect();
        let own = Tensor::new(own, x.device())?.unsqueeze(1)?;
        Tensor::cat(&[&own.affine(-1.0, 1.0)?, &own], 1)
    }
}

/// A map whose mean inside the object is `value`.
fn giving(value: f32) -> impl Fn(&dyn Network, &Tensor, usize) -> Result<Grid> {
    move |_, _, _| {
        let values = object().into_iter().enumerate();
        let values = values.map(|(i, inside)| if inside { value } else { (i % 2) as f32 });
        Ok(grid(SIDE, SIDE, &values.collect::<Vec<_>>()))
    }
}

#[test]
fn contrast_follows_what_an_object_means() {
    // With the object all networks are right; without it, network `k` is wrong on 8 - 2k of ten scenes.
    let networks: Vec<Leans> = [8.0, 6.0, 4.0, 2.0, 0.0]
        .map(|needs| Leans { needs })
        .into();
    let scene = |number: usize| {
        let with = |first: f32| {
            let mut pixels = vec![0.5; SIDE * SIDE];
            (pixels[0], pixels[1]) = (first, (number % 10) as f32);
            Tensor::from_vec(pixels, (1, 1, SIDE, SIDE), &Device::Cpu)
        };
        Ok(Scene {
            image: with(1.0)?,
            alone: with(-1.0)?,
            object: object(),
            object_class: 0,
            scene_class: 1,
        })
    };
    let run = |values: [f32; 5]| {
        let maps = values.map(giving);
        let sides = networks.iter().zip(&maps);
        let sides: Vec<Side<'_>> = sides
            .map(|(network, explain)| Side { network, explain })
            .collect();
        relative_contrast(&sides, (50, &scene), 0)
    };
    let found = on_any_threads(|| run([0.8, 0.6, 0.4, 0.2, 0.0]).unwrap());
    for (k, (contrast, drop)) in found.contrasts.iter().zip(&found.drops).enumerate() {
        let expected = 0.8 - 0.2 * k as f64;
        assert!((drop - expected).abs() < 1e-12 && (contrast - expected).abs() < 1e-6);
    }
    assert!((found.correlation.value - 1.0).abs() < 1e-6);
    assert_eq!((found.pictures, found.left_out), (50, 0));
    // One of the 24 orders of four networks.
    assert!((found.p - 1.0 / 24.0).abs() < 0.005, "{}", found.p);
    assert_eq!(relative_contrast_test(&found).graded().grade, Grade::Pass);
    let against = run([0.1, 0.2, 0.4, 0.6, 0.7]).unwrap();
    assert!((against.correlation.value + 1.0).abs() < 1e-6);
    assert_eq!(relative_contrast_test(&against).graded().grade, Grade::Fail);
    // If nothing differs there is no correlation.
    assert_eq!(undefined(run([0.5; 5])), Undefined::NonFinite);
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
