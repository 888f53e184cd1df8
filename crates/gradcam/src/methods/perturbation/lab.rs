//! The colours of the picture behind an input, in a space whose distances are perceptual.

use crate::methods::baseline::Inputs;

/// Converts the pixels of an input, channel by channel, to CIELAB (white point D65).
///
/// An input is an affine function of the picture, channel by channel, so black and white determine the picture; values beyond them are
/// clamped. Three channels are red, green and blue in sRGB; any other number is averaged to grey.
pub(super) fn lab(values: &[f32], pixels: usize, inputs: &Inputs) -> Vec<[f64; 3]> {
    let planes: Vec<Vec<f64>> = values
        .chunks_exact(pixels.max(1))
        .zip(inputs.black.iter().zip(&inputs.white))
        .map(|(plane, (&black, &white))| {
            let (black, range) = (f64::from(black), f64::from(white) - f64::from(black));
            let share = |&v: &f32| {
                if range == 0.0 {
                    0.0
                } else {
                    ((f64::from(v) - black) / range).clamp(0.0, 1.0)
                }
            };
            plane.iter().map(share).collect()
        })
        .collect();
    (0..pixels)
        .map(|i| match planes.as_slice() {
            [r, g, b] => of_rgb([r[i], g[i], b[i]]),
            _ => {
                let sum: f64 = planes.iter().map(|plane| plane[i]).sum();
                of_rgb([sum / planes.len().max(1) as f64; 3])
            }
        })
        .collect()
}

/// Converts sRGB (IEC 61966-2-1) to CIELAB (CIE 15).
fn of_rgb(rgb: [f64; 3]) -> [f64; 3] {
    let [r, g, b] = rgb.map(|v| {
        if v <= 0.04045 {
            v / 12.92
        } else {
            ((v + 0.055) / 1.055).powf(2.4)
        }
    });
    // XYZ as fractions of the white point's, which are these rows' sums.
    let xyz = [
        (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.9504700,
        0.2126729 * r + 0.7151522 * g + 0.0721750 * b,
        (0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.0888300,
    ];
    let [x, y, z] = xyz.map(|t| {
        if t > 216.0 / 24389.0 {
            t.cbrt()
        } else {
            (24389.0 / 27.0 * t + 16.0) / 116.0
        }
    });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The primaries from Lindbloom's calculator.
    #[test]
    fn primaries_have_their_colours() {
        let inputs = Inputs {
            black: vec![-1.0; 3],
            white: vec![3.0; 3],
            background: None,
        };
        // Black, white, red, and something beyond blue.
        let values = [
            -1.0, 3.0, 3.0, -5.0, -1.0, 3.0, -1.0, -1.0, -1.0, 3.0, -1.0, 9.0,
        ];
        let found = lab(&values, 4, &inputs);
        let expected = [
            [0.0, 0.0, 0.0],
            [100.0, 0.0, 0.0],
            [53.2408, 80.0925, 67.2032],
            [32.2970, 79.1875, -107.8602],
        ];
        for (found, expected) in found.iter().zip(expected) {
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() < 2e-2, "{found:?}");
            }
        }
    }

    #[test]
    fn one_channel_is_grey() {
        let inputs = Inputs {
            black: vec![0.0],
            white: vec![1.0],
            background: None,
        };
        let found = lab(&[0.5], 1, &inputs)[0];
        assert!(
            (found[0] - 53.39).abs() < 0.01 && found[1].abs() < 1e-3,
            "{found:?}"
        );
    }
}
