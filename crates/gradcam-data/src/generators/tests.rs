#![allow(clippy::unwrap_used)]

use super::*;
use crate::{Kind, Mask, Split, generate};

fn shapes(objects: usize) -> Generator {
    let default = Shapes::default();
    Generator::Shapes(Shapes { objects, ..default })
}

fn pasted(labels: Labels) -> Generator {
    let default = Pasted::default();
    Generator::Pasted(Pasted { labels, ..default })
}

/// Computes FNV-1a (Fowler, Noll and Vo).
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// Hashes pictures 0 to 4 and their masks.
fn hash(generator: &Generator) -> u64 {
    let drawn = (0..5).map(|index| generator.draw(3, index).unwrap());
    fnv(drawn.flat_map(|drawn| {
        let masks = drawn.objects.into_iter().flat_map(|o| o.mask.values);
        let masks: Vec<u8> = masks.map(u8::from).collect();
        [drawn.image.into_raw(), masks].concat()
    }))
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let found = Generator::defaults().iter().map(hash).collect::<Vec<_>>();
    let golden: [u64; 4] = [
        0x1ee7_bf9b_efd9_4926,
        0xb614_8bad_0257_de35,
        0x8050_6fa6_77e4_a61a,
        0x0688_f850_d4bf_a551,
    ];
    assert_eq!(found, golden, "{found:#x?}");
}

#[test]
fn a_picture_depends_on_its_seed_and_number_alone() {
    for generator in Generator::defaults() {
        let alone = generator.draw(3, 4).unwrap();
        let set = generate(generator.clone(), 3, 3, 4).unwrap();
        assert_eq!(set.samples[4].picture.rgb().unwrap(), alone.image);
        assert_eq!(set.samples[4].split, Some(Split::Test));
        assert_ne!(generator.draw(4, 4).unwrap().image, alone.image);
        // The next picture of the same class.
        let next = generator
            .draw(3, 4 + 1000 * generator.classes().len() as u64)
            .unwrap();
        assert_eq!(next.class, alone.class);
        assert_ne!(next.image, alone.image);
    }
}

#[test]
fn classes_are_balanced_and_masks_have_the_pictures_size() {
    for generator in [
        shapes(1),
        shapes(3),
        pasted(Labels::Object),
        pasted(Labels::Scene),
    ] {
        let count = 40;
        let mut pictures = vec![0; count];
        for index in 0..count as u64 {
            let drawn = generator.draw(1, index).unwrap();
            pictures[drawn.class] += 1;
            let mut union = Mask::empty(64, 64).unwrap();
            let mut sum = 0;
            for object in &drawn.objects {
                let area = object.mask.area();
                assert!((60..2200).contains(&area), "{index}: {area}");
                union.add(&object.mask).unwrap();
                sum += area;
            }
            assert_eq!(union.area(), sum, "objects do not overlap");
        }
        let used: Vec<usize> = pictures.into_iter().filter(|&n| n > 0).collect();
        let (least, most) = (used.iter().min().unwrap(), used.iter().max().unwrap());
        assert!(most - least <= 1, "{used:?}");
    }
}

#[test]
fn several_shapes_have_different_classes_and_are_difficult() {
    let drawn = shapes(3).draw(2, 9).unwrap();
    let mut classes: Vec<usize> = drawn.objects.iter().map(|o| o.class).collect();
    assert_eq!((classes[0], drawn.class), (1, 1));
    classes.sort_unstable();
    classes.dedup();
    assert_eq!(classes.len(), 3);
    assert!(drawn.objects.iter().all(|o| o.difficult));
    assert!(!shapes(1).draw(2, 9).unwrap().objects[0].difficult);
}

/// Only the object's pixels differ from the scene's, and both label sets have the same pixels.
#[test]
fn pasted_pictures_have_two_label_sets_and_a_scene_alone() {
    for index in [0, 17, 99] {
        let [object, scene, only] = [Labels::Object, Labels::Scene, Labels::SceneOnly]
            .map(|labels| pasted(labels).draw(5, index).unwrap());
        assert_eq!(object.image, scene.image);
        let (digit, tens) = ((index % 10) as usize, (index / 10) as usize);
        assert_eq!((object.class, scene.class, only.class), (digit, tens, tens));
        assert_eq!(
            (object.objects[0].class, scene.objects[0].class),
            (digit, 10 + digit)
        );
        assert!(only.objects.is_empty());
        let mask = &object.objects[0].mask;
        let bounds = mask.bounds().unwrap();
        let larger = bounds.width.max(bounds.height) / 64.0;
        // One pixel of rounding on either side.
        assert!((0.577 - 0.02..0.708 + 0.02).contains(&larger), "{larger}");
        let differs = object.image.pixels().zip(only.image.pixels());
        let changed = differs.filter(|(a, b)| a != b).count();
        assert!(
            changed >= mask.area() * 9 / 10 && changed < 2 * mask.area(),
            "{changed}"
        );
        let far = (0..64 * 64).filter(|i| {
            let (x, y) = ((i % 64) as f64, (i / 64) as f64);
            x < bounds.x - 1.0 || x > bounds.x + bounds.width || y < bounds.y - 1.0
        });
        for i in far {
            let (x, y) = (i % 64, i / 64);
            assert_eq!(object.image.get_pixel(x, y), only.image.get_pixel(x, y));
        }
    }
}

/// Apart from the object, the pictures of the relative models do not depend on its commonness.
#[test]
fn a_common_object_is_on_the_first_scenes_alone() {
    let with = |labels, common| {
        Generator::Pasted(Pasted {
            labels,
            common,
            ..Pasted::default()
        })
    };
    for index in 0..30 {
        let draw = |labels, common| with(labels, Some(common)).draw(5, index).unwrap();
        let [three, ten] = [3, 10].map(|common| draw(Labels::Scene, common));
        let only = draw(Labels::SceneOnly, 3);
        let scene = (index % 10) as usize;
        assert_eq!([three.class, ten.class, only.class], [scene; 3]);
        assert_eq!(ten.objects[0].class, 10);
        assert_eq!(three.objects.len(), usize::from(scene < 3));
        let same = if scene < 3 { &ten } else { &only };
        assert_eq!(three.image, same.image);
        assert_ne!(ten.image, only.image);
    }
    for (labels, common) in [(Labels::Scene, 0), (Labels::Scene, 11), (Labels::Object, 3)] {
        assert!(with(labels, Some(common)).draw(5, 0).is_err());
    }
}

#[test]
fn lesions_are_small_faint_and_mostly_in_one_place() {
    let generator = Generator::Lesions(Lesions::default());
    let bare = Generator::Lesions(Lesions {
        contrast: 0.0,
        ..Lesions::default()
    });
    let (mut areas, mut right, mut lower) = (0.0, 0, 0);
    let count = 100;
    for index in (1..2 * count).step_by(2) {
        let drawn = generator.draw(1, index).unwrap();
        let mask = &drawn.objects[0].mask;
        areas += mask.area() as f64 / 4096.0;
        let bounds = mask.bounds().unwrap();
        right += usize::from(bounds.x + bounds.width / 2.0 > 32.0);
        lower += usize::from(bounds.y + bounds.height / 2.0 > 32.0);
        let without = bare.draw(1, index).unwrap();
        let added = drawn.image.pixels().zip(without.image.pixels());
        let most = added.map(|(a, b)| a[0].saturating_sub(b[0])).max().unwrap();
        assert!((36..=63).contains(&most), "{most} of 0.2 · 0.8..1.2 · 255");
    }
    let mean = areas / count as f64;
    assert!((0.04..0.06).contains(&mean), "{mean}");
    assert!(
        right > 70 && lower > 70,
        "{right} right, {lower} in the lower half"
    );
    assert!(generator.draw(1, 0).unwrap().objects.is_empty());
}

#[test]
fn glyphs_are_white_strokes_in_the_middle() {
    let generator = Generator::Glyphs(Glyphs::default());
    for index in 0..50 {
        let image = generator.draw(8, index).unwrap().image;
        let ink = image.pixels().filter(|p| p[0] > 127).count();
        assert!((30..330).contains(&ink), "{index}: {ink}");
        let corner = [(0, 0), (27, 0), (0, 27), (27, 27)];
        assert!(corner.iter().all(|&(x, y)| image.get_pixel(x, y)[0] < 60));
        assert!(image.pixels().all(|p| p[0] == p[1] && p[1] == p[2]));
    }
}

#[test]
fn parameters_are_checked_and_are_json() {
    let refused = |json: &str| -> String {
        let generator: Generator = serde_json::from_str(json).unwrap();
        generate(generator, 1, 1, 0).unwrap_err().to_string()
    };
    for (generator, parameters, field) in [
        ("shapes", r#"{"size": 8}"#, "`size` is 8"),
        ("shapes", r#"{"classes": 9}"#, "`classes` is 9"),
        ("shapes", r#"{"objects": 4}"#, "`objects` is 4"),
        ("shapes", r#"{"noise": -1}"#, "`noise` is -1"),
        ("pasted", r#"{"classes": 1}"#, "`classes` is 1"),
        ("pasted", r#"{"size": 5000}"#, "`size` is 5000"),
        ("lesions", r#"{"contrast": 2}"#, "`contrast` is 2"),
        ("glyphs", r#"{"jitter": 1.5}"#, "`jitter` is 1.5"),
        ("glyphs", r#"{"jitter": -0.1}"#, "`jitter` is -0.1"),
    ] {
        let json = format!(r#"{{"generator": "{generator}", "parameters": {parameters}}}"#);
        assert!(refused(&json).contains(field), "{}", refused(&json));
    }
    assert!(
        serde_json::from_str::<Generator>(r#"{"generator": "shapes", "parameters": {"sizes": 1}}"#)
            .is_err()
    );
    assert!(generate(shapes(1), 1, 0, 0).is_err());
    let Kind::Synthetic { parameters, .. } = generate(shapes(2), 1, 1, 0).unwrap().kind else {
        panic!("it is synthetic");
    };
    assert_eq!(parameters["objects"], 2);
}
