#![allow(clippy::unwrap_used, clippy::panic)]

use candle_core::{DType, Device, Tensor};
use gradcam_picture::Rgb16Image;
use image::{Rgb, RgbImage};

use super::{
    CropMode, Fit, Interpolation, Prepared, Preprocess, PreprocessError, Region, resize_rgb,
};

type Size = (u32, u32);

/// Makes the picture of every golden value below; in NumPy `fromfunction(lambda y, x, c: (37*x + 59*y + 83*c) % 256)`.
fn pattern(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([0, 83, 166].map(|c| ((37 * x + 59 * y + c) % 256) as u8))
    })
}

fn channel(picture: &RgbImage, c: usize) -> Vec<u8> {
    picture.pixels().map(|p| p.0[c]).collect()
}

fn prepare(settings: &Preprocess, picture: &RgbImage, fit: Fit) -> Prepared {
    settings.prepare(picture, fit, &Device::Cpu).unwrap()
}

fn assert_within(found: &[u8], wanted: &[u8], tolerance: u8) {
    assert_eq!(found.len(), wanted.len());
    let largest = found.iter().zip(wanted).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(largest <= Some(tolerance), "{found:?}\n{wanted:?}");
}

/// Pillow 13.0: `Image.fromarray(pattern).resize(size, Image.Resampling.…)`, the red channel row by row.
#[test]
fn resizes_like_pillow() {
    use Interpolation::{Bicubic, Bilinear, Box, Hamming, Lanczos, Nearest};
    #[rustfmt::skip]
    let goldens: [(Interpolation, Size, &[u8]); 7] = [
        (Nearest, (4, 3), &[0, 74, 148, 222, 118, 192, 10, 84, 236, 54, 128, 202]),
        (Box, (4, 3), &[49, 123, 178, 170, 137, 211, 10, 66, 162, 108, 99, 155]),
        (Bilinear, (4, 3), &[44, 102, 170, 171, 137, 179, 104, 92, 160, 111, 100, 158]),
        (Hamming, (4, 3), &[38, 101, 165, 172, 134, 188, 84, 83, 162, 111, 101, 164]),
        (Bicubic, (4, 3), &[36, 100, 179, 173, 140, 193, 102, 82, 167, 105, 91, 163]),
        (Lanczos, (4, 3), &[30, 94, 187, 174, 142, 204, 101, 75, 172, 101, 85, 167]),
        (Bicubic, (9, 6), &[
            0, 20, 51, 80, 109, 138, 166, 201, 232,
            40, 64, 95, 124, 153, 196, 244, 189, 56,
            91, 115, 145, 182, 223, 109, 106, 102, 43,
            140, 173, 216, 221, 152, 36, 27, 74, 111,
            195, 178, 199, 182, 32, 71, 108, 138, 162,
            249, 81, 8, 56, 93, 122, 151, 182, 206,
        ]),
    ];
    for (interpolation, (width, height), wanted) in goldens {
        let resized = resize_rgb(&pattern(7, 5), width, height, interpolation).unwrap();
        assert_within(&channel(&resized, 0), wanted, 1);
    }
}

#[test]
fn the_same_size_is_the_same_picture() {
    let picture = pattern(7, 5);
    assert_eq!(
        resize_rgb(&picture, 7, 5, Interpolation::Lanczos).unwrap(),
        picture
    );
}

/// timm 1.0.31, torchvision 0.29.2, Pillow 13.0: `create_transform(input_size=(3, h, w), interpolation="bicubic",
/// crop_pct=…, crop_mode=…, mean=(.5,) * 3, std=(.5,) * 3)`, the green channel back in bytes.
#[test]
fn crops_like_timm() {
    #[rustfmt::skip]
    let goldens: [(Size, Size, f64, CropMode, &[u8]); 6] = [
        ((13, 9), (6, 6), 0.875, CropMode::Center, &[
            186, 188, 49, 94, 165, 152, 126, 88, 118, 183, 156, 43, 85, 157, 203, 73, 72, 139,
            191, 143, 89, 95, 167, 173, 155, 70, 130, 202, 98, 58, 82, 164, 169, 92, 75, 142,
        ]),
        ((9, 14), (6, 6), 0.875, CropMode::Center, &[
            42, 85, 149, 212, 109, 51, 133, 198, 150, 81, 90, 155, 181, 134, 76, 126, 197, 158,
            79, 97, 183, 181, 69, 80, 151, 191, 124, 85, 107, 167, 115, 56, 86, 157, 198, 80,
        ]),
        // A non-square input: timm rounds the longer side, torchvision truncates it.
        ((13, 9), (5, 7), 0.8, CropMode::Center, &[
            172, 215, 86, 58, 123, 173, 147, 138, 100, 88, 156, 198, 112, 41,
            77, 131, 207, 148, 46, 88, 153, 181, 176, 98, 76, 128, 179, 160,
            169, 80, 96, 176, 190, 58, 68,
        ]),
        ((13, 9), (6, 6), 0.875, CropMode::Squash, &[
            129, 202, 77, 106, 165, 101, 178, 103, 109, 188, 90, 78, 51, 118, 195, 73, 102, 196,
            139, 179, 92, 109, 180, 119, 185, 108, 115, 186, 64, 95, 78, 122, 173, 86, 106, 191,
        ]),
        ((13, 9), (6, 6), 0.875, CropMode::Border, &[
            128, 128, 128, 128, 128, 128, 154, 171, 82, 140, 139, 84, 94, 109, 167, 113, 100, 158,
            153, 158, 100, 133, 140, 111, 116, 111, 157, 126, 84, 158, 128, 128, 128, 128, 128, 128,
        ]),
        // The crop is larger than the resized picture: black above and below.
        ((5, 3), (6, 6), 1.5, CropMode::Center, &[
            0, 0, 0, 0, 0, 0, 79, 106, 139, 168, 205, 243, 115, 141, 186, 233, 216, 98,
            167, 201, 169, 164, 155, 37, 203, 249, 100, 4, 60, 98, 0, 0, 0, 0, 0, 0,
        ]),
    ];
    for ((width, height), input_size, crop_pct, crop_mode, wanted) in goldens {
        let settings = Preprocess {
            input_size,
            crop_pct,
            crop_mode,
            mean: [0.5; 3],
            ..Preprocess::default()
        };
        let prepared = prepare(&settings, &pattern(width, height), Fit::Crop);
        assert_eq!(prepared.view.dimensions(), (input_size.1, input_size.0));
        assert_within(&channel(&prepared.view, 1), wanted, 2);
    }
}

/// torchvision's `ToTensor` and `Normalize` of the 2 × 2 pattern, to the bit.
#[test]
fn normalises_like_torchvision() {
    let settings = Preprocess {
        input_size: (2, 2),
        crop_pct: 1.0,
        ..Preprocess::default()
    };
    let prepared = prepare(&settings, &pattern(2, 2), Fit::Crop);
    assert_eq!(prepared.tensor.dims(), [3, 2, 2]);
    assert_eq!(prepared.tensor.dtype(), DType::F32);
    #[rustfmt::skip]
    let wanted = [
        -2.117904, -1.4842881, -1.1075436, -0.4739276,
        -0.582633, 0.065126054, 0.45028022, 1.0980393,
        1.0888019, 1.733682, 2.1171243, -1.6998693,
    ];
    let found = prepared.tensor.flatten_all().unwrap();
    assert_eq!(found.to_vec1::<f32>().unwrap(), wanted);
}

#[test]
fn the_region_says_where_the_view_lies() {
    let settings = Preprocess::default();
    let region = |width, height, fit| {
        let prepared = prepare(&settings, &RgbImage::new(width, height), fit);
        (prepared.view.dimensions(), prepared.region)
    };
    let at = |x, y, width, height| Region {
        x,
        y,
        width,
        height,
    };
    // 512 to 256, then the middle 224: two original pixels per pixel.
    let (size, found) = region(512, 512, Fit::Crop);
    assert_eq!((size, found), ((224, 224), at(32.0, 32.0, 448.0, 448.0)));
    // 600 × 400 to 384 × 256: the crop starts at 80 and 16.
    let (_, found) = region(600, 400, Fit::Crop);
    assert_eq!(found, at(125.0, 25.0, 350.0, 350.0));
    let (size, found) = region(600, 400, Fit::Squash);
    assert_eq!(size, (224, 224));
    assert!((found.width - 600.0).abs() < 1e-9 && (found.height - 400.0).abs() < 1e-9);
    assert_eq!((found.x, found.y), (0.0, 0.0));
    assert_eq!(
        region(61, 40, Fit::None),
        ((61, 40), at(0.0, 0.0, 61.0, 40.0))
    );

    // Borders reach beyond the picture: 100 × 50 to 256 × 128, cropped to 224 × 224.
    let borders = Preprocess {
        crop_mode: CropMode::Border,
        ..Preprocess::default()
    };
    let found = prepare(&borders, &RgbImage::new(100, 50), Fit::Crop).region;
    assert_eq!(found, at(6.25, -18.75, 87.5, 87.5));
}

#[test]
fn no_fit_leaves_the_picture_alone() {
    let picture = pattern(61, 40);
    let prepared = prepare(&Preprocess::default(), &picture, Fit::None);
    assert_eq!(prepared.view, picture);
    assert_eq!(prepared.tensor.dims(), [3, 40, 61]);
}

#[test]
fn settings_out_of_range_are_named() {
    type Break = fn(&mut Preprocess);
    let broken: [(&str, Break); 6] = [
        ("input_size", |p| p.input_size = (0, 224)),
        ("input_size", |p| p.input_size = (224, u32::MAX)),
        ("crop_pct", |p| p.crop_pct = 0.0),
        ("crop_pct", |p| p.crop_pct = f64::NAN),
        ("mean", |p| p.mean[1] = f32::NAN),
        ("std", |p| p.std[2] = 0.0),
    ];
    for (name, break_it) in broken {
        let mut settings = Preprocess::default();
        break_it(&mut settings);
        match settings.prepare(&pattern(4, 4), Fit::Crop, &Device::Cpu) {
            Err(PreprocessError::Setting { field, .. }) => assert_eq!(field, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn extreme_shapes_are_an_error_or_fit() {
    let settings = Preprocess::default();
    let thin = RgbImage::new(1, 60_000);
    // 256 × 15 360 000 pixels.
    assert!(matches!(
        settings.prepare(&thin, Fit::Crop, &Device::Cpu),
        Err(PreprocessError::TooLarge {
            from_width: 1,
            from_height: 60_000,
            width: 256,
            height: 15_360_000
        })
    ));
    assert!(settings.prepare(&thin, Fit::Squash, &Device::Cpu).is_ok());
    assert!(matches!(
        settings.prepare(&RgbImage::new(0, 3), Fit::None, &Device::Cpu),
        Err(PreprocessError::Empty {
            width: 0,
            height: 3
        })
    ));
    assert!(matches!(
        resize_rgb(&pattern(3, 3), 0, 3, Interpolation::Nearest),
        Err(PreprocessError::Empty { .. })
    ));
    // In the border mode its shorter side would round to zero.
    let borders = Preprocess {
        crop_mode: CropMode::Border,
        input_size: (8, 8),
        ..Preprocess::default()
    };
    let prepared = prepare(&borders, &RgbImage::new(1, 500), Fit::Crop);
    assert_eq!(prepared.view.dimensions(), (8, 8));
    // A vanishing share requests an endless resize.
    let endless = Preprocess {
        crop_pct: 1e-300,
        ..Preprocess::default()
    };
    assert!(matches!(
        endless.prepare(&pattern(3, 2), Fit::Crop, &Device::Cpu),
        Err(PreprocessError::TooLarge { .. })
    ));
}

#[test]
fn names_are_those_of_the_configuration() {
    let json = |name: &str| format!("\"{name}\"");
    for name in [
        "nearest", "box", "bilinear", "hamming", "bicubic", "lanczos",
    ] {
        let parsed: Interpolation = serde_json::from_str(&json(name)).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), json(name));
    }
    for name in ["center", "squash", "border"] {
        let parsed: CropMode = serde_json::from_str(&json(name)).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), json(name));
    }
    for fit in Fit::ALL {
        assert_eq!(fit.to_string().parse::<Fit>().unwrap(), fit);
        assert_eq!(serde_json::to_string(&fit).unwrap(), json(fit.name()));
    }
    assert_eq!(
        "cut".parse::<Fit>().unwrap_err().to_string(),
        "the preprocessing's `fit` is `cut`, expected `crop`, `squash` or `none`"
    );
}

/// Tests bytes as words, and words that differ only in their low bytes.
#[test]
fn all_sixteen_bits_reach_the_tensor() {
    let settings = Preprocess {
        input_size: (6, 6),
        ..Preprocess::default()
    };
    let values = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let bytes = pattern(13, 9);
    let words = Rgb16Image::from_fn(13, 9, |x, y| {
        Rgb(bytes.get_pixel(x, y).0.map(|v| u16::from(v) * 257))
    });
    let at = |fit| {
        let deep = settings.prepare(&words, fit, &Device::Cpu).unwrap();
        (prepare(&settings, &bytes, fit), deep)
    };
    let (shallow, deep) = at(Fit::None);
    assert_eq!(values(&shallow.tensor), values(&deep.tensor));
    assert_eq!(shallow.view, deep.view);
    let (shallow, deep) = at(Fit::Crop);
    assert_eq!(shallow.region, deep.region);
    // The bytes' own resize rounds twice to 1 of 255, the words' to 1 of 65535.
    let apart = values(&shallow.tensor)
        .into_iter()
        .zip(values(&deep.tensor));
    assert!(
        apart
            .clone()
            .all(|(a, b)| (a - b).abs() < 2.0 / 255.0 / 0.224)
    );
    assert!(apart.clone().any(|(a, b)| a != b));

    // 0 to 255 of 65535 is all black in 8 bits.
    let faint = Rgb16Image::from_fn(12, 12, |x, _| Rgb([x as u16 * 20; 3]));
    let seen = settings.prepare(&faint, Fit::Squash, &Device::Cpu).unwrap();
    assert!(seen.view.iter().all(|v| *v == 0));
    let row = &values(&seen.tensor)[..6];
    assert!(row.windows(2).all(|pair| pair[0] < pair[1]), "{row:?}");
    let borders = Preprocess {
        crop_mode: CropMode::Border,
        ..settings
    };
    let filled = borders.prepare(&faint, Fit::Crop, &Device::Cpu).unwrap();
    assert_eq!(filled.view.dimensions(), (6, 6));
}

/// The device's resize gives the library's bytes.
#[test]
fn a_device_prepares_the_same() {
    for interpolation in [
        Interpolation::Nearest,
        Interpolation::Box,
        Interpolation::Bilinear,
        Interpolation::Hamming,
        Interpolation::Bicubic,
        Interpolation::Lanczos,
    ] {
        for (width, height) in [(37, 53), (301, 211), (24, 24), (19, 400)] {
            for (fit, crop_mode) in [
                (Fit::Crop, CropMode::Center),
                (Fit::Crop, CropMode::Border),
                (Fit::Squash, CropMode::Center),
                (Fit::None, CropMode::Center),
            ] {
                let settings = Preprocess {
                    input_size: (24, 32),
                    interpolation,
                    crop_mode,
                    ..Preprocess::default()
                };
                let picture = pattern(width, height);
                let expected = prepare(&settings, &picture, fit);
                let (found, region) = settings.prepare_on(&picture, fit, &Device::Cpu).unwrap();
                assert_eq!(region, expected.region);
                let flat = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                let (found, expected) = (flat(&found), flat(&expected.tensor));
                let apart = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
                assert_eq!(apart, 0, "{interpolation:?} {width} × {height} {fit:?}");
            }
        }
    }
}
