//! Cut-outs pasted onto scenes, with exact masks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gradcam_random::Random;
use image::imageops::{FilterType, crop_imm, resize};
use image::{DynamicImage, Rgb, RgbImage, Rgba, Rgba32FImage};
use serde::{Deserialize, Serialize};

use crate::class::numbered;
use crate::layouts::write_coco;
use crate::picture::decode_upright;
use crate::write::{whole, write_kind};
use crate::{Class, Error, Kind, Mask, Object, Picture, Result, Sample, Shape, files};

/// How cut-outs are pasted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Compose {
    /// Number of pictures.
    pub count: usize,
    /// Side of a picture in pixels, 16 to 4096.
    pub size: usize,
    /// The smallest and the largest length of a cut-out's longer side, as a fraction of the picture's side; 0.05 to 0.5.
    pub scale: (f64, f64),
    /// Whether each picture has a second object, of another class, beside the target.
    pub distractor: bool,
}

impl Default for Compose {
    fn default() -> Compose {
        Compose {
            count: 100,
            size: 320,
            scale: (0.3, 0.5),
            distractor: true,
        }
    }
}

/// Pastes cut-outs (`cutouts/<class>/*.png` with an alpha channel) onto scenes (pictures anywhere in `scenes`), and writes them to a new
/// folder as COCO instances with a `synthetic.json`. The first annotation of a picture is its target.
///
/// Picture `i` shows class `i` modulo the number of classes. The seed determines the cut-out, the scene, the size and the position. A scene
/// is cropped to its central square. A cut-out is trimmed to its visible part, and its mask has the pixels that are at least half opaque
/// after the resize. A distractor does not touch the target's box. If every folder's name begins with a number (`97 drake`, `097_drake`),
/// that is the class's number.
///
/// # Errors
/// [`Error::Setting`] for a parameter out of its range, [`Error::NoLayout`] if a folder has no pictures, too few classes, or a fully
/// transparent cut-out, [`Error::Exists`], [`Error::Read`], [`Error::Picture`], [`Error::Write`].
pub fn compose(
    cutouts: &Path,
    scenes: &Path,
    how: &Compose,
    seed: u64,
    folder: &Path,
) -> Result<()> {
    how.check()?;
    let classes = classes(cutouts)?;
    let needed = if how.distractor { 2 } else { 1 };
    if classes.len() < needed {
        let found = format!(
            "{} folders of PNGs, and {needed} classes are needed",
            classes.len()
        );
        return Err(Error::no_layout(cutouts, &found));
    }
    let scenes_found = files::pictures_below(scenes)?;
    if scenes_found.is_empty() {
        return Err(Error::no_layout(scenes, "no pictures found"));
    }
    let mut named: Vec<Class> = classes.iter().map(|(class, _)| class.clone()).collect();
    named.sort_unstable();
    let kind = Kind::Synthetic {
        generator: "compose".to_string(),
        seed,
        parameters: serde_json::to_value(how).unwrap_or_default(),
    };
    let samples = (0..how.count).map(|i| sample(&classes, &scenes_found, how, seed, i));
    whole(folder, |part| {
        write_coco(&named, samples, part)?;
        write_kind(&kind, part)
    })
}

impl Compose {
    fn check(&self) -> Result<()> {
        let wrong = |field, expected, found: String| {
            Err(Error::Setting {
                field,
                expected,
                found,
            })
        };
        let (least, most) = self.scale;
        // Two cut-outs of half the side always fit.
        if !(0.05..=0.5).contains(&least) || !(least..=0.5).contains(&most) {
            return wrong(
                "scale",
                "0.05 to 0.5, the least first",
                format!("{:?}", self.scale),
            );
        }
        if !(16..=4096).contains(&self.size) {
            return wrong("size", "16 to 4096 pixels", self.size.to_string());
        }
        if self.count == 0 {
            return wrong("count", "at least 1", "0".to_string());
        }
        Ok(())
    }
}

/// A class and its cut-outs.
type Cutouts = (Class, Vec<PathBuf>);

/// Lists the folders that contain PNGs, in sorted order.
fn classes(cutouts: &Path) -> Result<Vec<Cutouts>> {
    let mut found = Vec::new();
    for folder in files::folders(cutouts)? {
        let all = files::pictures_below(&folder)?.into_iter();
        let pngs: Vec<PathBuf> = all
            .filter(|p| p.extension().is_some_and(|e| e == "png"))
            .collect();
        if !pngs.is_empty() {
            found.push((files::name(&folder), pngs));
        }
    }
    let own: Option<Vec<Class>> = found.iter().map(|(name, _)| own_number(name)).collect();
    let classes = match own {
        Some(own) => own,
        None => numbered(found.iter().map(|(name, _)| name)),
    };
    let mut seen = BTreeSet::new();
    if let Some(twice) = classes.iter().find(|class| !seen.insert(class.number)) {
        let found = format!("two folders have the number {}", twice.number);
        return Err(Error::no_layout(cutouts, &found));
    }
    let pngs = found.into_iter().map(|(_, pngs)| pngs);
    Ok(classes.into_iter().zip(pngs).collect())
}

/// Parses `97 drake`, `097_drake` or `97-drake`.
fn own_number(folder: &str) -> Option<Class> {
    let (number, name) = folder.split_once([' ', '_', '-'])?;
    Some(Class {
        number: number.parse().ok()?,
        name: name.into(),
    })
}

fn sample(
    classes: &[Cutouts],
    scenes: &[PathBuf],
    how: &Compose,
    seed: u64,
    i: usize,
) -> Result<Sample> {
    let mut rng = Random::new(seed, i as u64);
    let scene = &scenes[rng.part(scenes.len())];
    let mut image = square(&decode_upright(scene)?, how.size);
    let target = i % classes.len();
    let mut chosen = vec![&classes[target]];
    if how.distractor {
        let other = (target + 1 + rng.part(classes.len() - 1)) % classes.len();
        chosen.push(&classes[other]);
    }
    let mut sprites = Vec::new();
    for (_, cutouts) in &chosen {
        let path = &cutouts[rng.part(cutouts.len())];
        let larger = rng.between(how.scale.0, how.scale.1) * how.size as f64;
        // Half of an odd size is rounded down, so that two cut-outs fit.
        let larger = larger.min((how.size / 2) as f64);
        sprites.push(cut_out(path, larger)?);
    }
    let places = places(&mut rng, &sprites, how.size);
    let mut objects = Vec::new();
    for (((class, _), sprite), place) in chosen.iter().zip(&sprites).zip(places) {
        let mask = Arc::new(paste(&mut image, sprite, place));
        objects.push(Object::new(class.clone(), Shape::Mask(mask)));
    }
    Ok(Sample {
        id: format!("{i:06}"),
        picture: Picture::Memory(Arc::new(image)),
        class: Some(classes[target].0.clone()),
        objects,
        split: None,
    })
}

/// Crops the largest central square and resizes it.
fn square(scene: &DynamicImage, size: usize) -> RgbImage {
    let rgb = scene.to_rgb8();
    let side = rgb.width().min(rgb.height());
    let (x, y) = ((rgb.width() - side) / 2, (rgb.height() - side) / 2);
    let centre = crop_imm(&rgb, x, y, side, side).to_image();
    resize(&centre, size as u32, size as u32, FilterType::CatmullRom)
}

/// Trims a cut-out to its visible part and resizes it until its longer side is `larger` pixels; colours are premultiplied by alpha.
fn cut_out(path: &Path, larger: f64) -> Result<Rgba32FImage> {
    let mut image = decode_upright(path)?.to_rgba32f();
    for Rgba([r, g, b, a]) in image.pixels_mut() {
        [*r, *g, *b] = [*r * *a, *g * *a, *b * *a];
    }
    let visible = Mask {
        height: image.height() as usize,
        width: image.width() as usize,
        values: image.pixels().map(|pixel| pixel[3] >= 0.5).collect(),
    };
    let bounds = visible.bounds();
    let bounds =
        bounds.ok_or_else(|| Error::no_layout(path, "a cut-out that is fully transparent"))?;
    let [x, y, width, height] = [bounds.x, bounds.y, bounds.width, bounds.height];
    let trimmed = crop_imm(&image, x as u32, y as u32, width as u32, height as u32).to_image();
    let factor = larger / width.max(height);
    let side = |length: f64| (length * factor).round().max(1.0) as u32;
    Ok(resize(
        &trimmed,
        side(width),
        side(height),
        FilterType::Triangle,
    ))
}

/// Draws the sprites' upper left corners, anywhere within the picture. Two sprites are drawn again until they do not overlap; this ends
/// because no side is longer than half of the picture's.
fn places(rng: &mut Random, sprites: &[Rgba32FImage], size: usize) -> Vec<[u32; 2]> {
    let mut free = |sprite: &Rgba32FImage| {
        let room = |side: u32| (size as u32).saturating_sub(side) as usize + 1;
        [room(sprite.width()), room(sprite.height())].map(|room| rng.part(room) as u32)
    };
    loop {
        let found: Vec<[u32; 2]> = sprites.iter().map(&mut free).collect();
        let (Some(a), Some(b), [p, q, ..]) = (sprites.first(), sprites.get(1), &found[..]) else {
            return found;
        };
        let apart = |axis: usize, a_side: u32, b_side: u32| {
            p[axis] + a_side <= q[axis] || q[axis] + b_side <= p[axis]
        };
        if apart(0, a.width(), b.width()) || apart(1, a.height(), b.height()) {
            return found;
        }
    }
}

/// Pastes a sprite and returns the pixels that are at least half opaque.
fn paste(image: &mut RgbImage, sprite: &Rgba32FImage, [left, top]: [u32; 2]) -> Mask {
    let (width, height) = image.dimensions();
    let mut mask = Mask {
        height: height as usize,
        width: width as usize,
        values: vec![false; (width * height) as usize],
    };
    for (x, y, &Rgba([r, g, b, alpha])) in sprite.enumerate_pixels() {
        let (x, y) = (left + x, top + y);
        if x >= width || y >= height {
            continue;
        }
        let Rgb(pixel) = image.get_pixel_mut(x, y);
        for (value, front) in pixel.iter_mut().zip([r, g, b]) {
            let mixed = f32::from(*value) * (1.0 - alpha) + 255.0 * front;
            *value = mixed.round().clamp(0.0, 255.0) as u8;
        }
        mask.values[(y * width + x) as usize] = alpha >= 0.5;
    }
    mask
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use image::RgbaImage;

    use super::*;
    use crate::fixtures::{files_in, picture};
    use crate::{Annotation, open};

    /// A red disc with a wide transparent border, and a green square.
    fn cutouts(root: &Path) {
        let disc = RgbaImage::from_fn(60, 40, |x, y| {
            let (dx, dy) = (f64::from(x) - 29.5, f64::from(y) - 19.5);
            Rgba([255, 0, 0, if dx * dx + dy * dy < 100.0 { 255 } else { 0 }])
        });
        let square = RgbaImage::from_pixel(10, 20, Rgba([0, 255, 0, 255]));
        for (name, image) in [("0970 disc", &disc), ("3_bar", &square)] {
            let folder = root.join("cutouts").join(name);
            std::fs::create_dir_all(&folder).unwrap();
            image.save(folder.join("1.png")).unwrap();
        }
        picture(root, "scenes/black.png", 90, 50);
    }

    #[test]
    fn masks_are_what_was_pasted() {
        let dir = files_in(&[]);
        cutouts(dir.path());
        let how = Compose {
            count: 6,
            size: 64,
            ..Compose::default()
        };
        let run = |seed, name: &str| {
            let folder = dir.path().join(name);
            let [cutouts, scenes] = ["cutouts", "scenes"].map(|name| dir.path().join(name));
            compose(&cutouts, &scenes, &how, seed, &folder).unwrap();
            open(&folder).unwrap()
        };
        let set = run(5, "a");
        assert!(
            matches!(&set.kind, Kind::Synthetic { generator, seed: 5, .. } if generator == "compose")
        );
        assert_eq!((set.annotation, set.samples.len()), (Annotation::Mask, 6));
        let classes: Vec<_> = set.classes.iter().map(|c| (c.number, &*c.name)).collect();
        assert_eq!(classes, [(3, "bar"), (970, "disc")]);
        for (i, sample) in set.samples.iter().enumerate() {
            let number = sample.class.as_ref().unwrap().number;
            assert_eq!((number, sample.objects.len()), ([970, 3][i % 2], 2));
            let image = sample.picture.rgb().unwrap();
            for object in &sample.objects {
                let channel = if object.class.number == 970 { 0 } else { 1 };
                let mask = object.shape.mask(64, 64).unwrap();
                // On black, half opacity is half brightness.
                let colored: Vec<bool> = image.pixels().map(|p| p[channel] >= 128).collect();
                assert_eq!(mask.values, colored, "{i}");
                let bounds = mask.bounds().unwrap();
                let larger = bounds.width.max(bounds.height) / 64.0;
                assert!((0.29..=0.51).contains(&larger), "{larger}");
                let filled = mask.area() as f64 / (bounds.width * bounds.height);
                let expected = if channel == 0 {
                    std::f64::consts::FRAC_PI_4
                } else {
                    1.0
                };
                assert!((filled - expected).abs() < 0.08, "{filled}");
            }
        }
        let bytes = |set: &crate::Dataset| set.samples[4].picture.rgb().unwrap().into_raw();
        assert_eq!(bytes(&set), bytes(&run(5, "b")));
        assert_ne!(bytes(&set), bytes(&run(6, "c")));
    }

    #[test]
    fn what_cannot_be_composed_is_refused() {
        let dir = files_in(&[]);
        cutouts(dir.path());
        let [cutouts, scenes, out] = ["cutouts", "scenes", "out"].map(|name| dir.path().join(name));
        let refused = |how: &Compose, from: &Path, on: &Path| {
            let error = compose(from, on, how, 1, &out).unwrap_err();
            assert!(!out.exists());
            error.to_string()
        };
        let how = Compose {
            scale: (0.2, 0.6),
            ..Compose::default()
        };
        assert!(refused(&how, &cutouts, &scenes).contains("`scale`"));
        let how = Compose::default();
        assert!(refused(&how, &scenes, &scenes).contains("0 folders of PNGs"));
        std::fs::create_dir(dir.path().join("empty")).unwrap();
        assert!(refused(&how, &cutouts, &dir.path().join("empty")).contains("no picture"));
        let clear = RgbaImage::from_pixel(5, 5, Rgba([0, 0, 0, 100]));
        clear.save(cutouts.join("3_bar/1.png")).unwrap();
        assert!(refused(&how, &cutouts, &scenes).contains("fully transparent"));
    }
}
