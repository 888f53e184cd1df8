//! Colour maps, from values to colours.
//!
//! turbo, viridis, inferno, magma and cividis come from `colorous`; jet and coolwarm are defined here.

use std::{fmt, str::FromStr};

use gradcam_map::Grid;
use image::Rgb;

use crate::error::quoted;
use crate::{Error, Result};

/// A colour map. All but [`ColorMap::Coolwarm`] are sequential: they show evidence from 0 upwards.
///
/// ```
/// use gradcam_viz::ColorMap;
/// use gradcam_viz::image::Rgb;
///
/// let colors: ColorMap = "viridis".parse()?;
/// assert_eq!(colors.at(0.0), Rgb([68, 1, 84]));
/// // 0 has the first colour; the end of the scale, and any value beyond, has the last.
/// assert_eq!(colors.color_of(0.0, 2.5), colors.at(0.0));
/// assert_eq!(colors.color_of(9.0, 2.5), colors.at(1.0));
/// assert!(ColorMap::Coolwarm.is_diverging());
/// # Ok::<(), gradcam_viz::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ColorMap {
    /// Google's rainbow with smooth lightness (Mikhailov 2019), the default.
    #[default]
    Turbo,
    /// matplotlib's perceptually uniform default, purple to yellow.
    Viridis,
    /// Perceptually uniform, black through red to pale yellow.
    Inferno,
    /// Perceptually uniform, black through purple to pale pink.
    Magma,
    /// Blue to yellow, for colour-blind readers (Nuñez, Anderton, Renslow 2018).
    Cividis,
    /// The rainbow of the Grad-CAM paper's figures. Its lightness misleads with bright bands that the data lack.
    Jet,
    /// Blue through neutral grey to red (Moreland 2009), for signed maps: zero is grey.
    Coolwarm,
}

impl ColorMap {
    /// Every colour map.
    pub const ALL: &'static [Self] = &[
        Self::Turbo,
        Self::Viridis,
        Self::Inferno,
        Self::Magma,
        Self::Cividis,
        Self::Jet,
        Self::Coolwarm,
    ];

    /// Returns the name that users type, such as `turbo` or `viridis`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Turbo => "turbo",
            Self::Viridis => "viridis",
            Self::Inferno => "inferno",
            Self::Magma => "magma",
            Self::Cividis => "cividis",
            Self::Jet => "jet",
            Self::Coolwarm => "coolwarm",
        }
    }

    /// Checks whether the map is symmetric about zero and shows negative values too.
    pub fn is_diverging(self) -> bool {
        self == Self::Coolwarm
    }

    /// Returns the colour at `t` in 0..=1 along the map; the nearer end outside of it, and the start for NaN.
    pub fn at(self, t: f32) -> Rgb<u8> {
        let t = if t.is_nan() { 0.0 } else { t.clamp(0.0, 1.0) };
        let gradient = match self {
            Self::Turbo => colorous::TURBO,
            Self::Viridis => colorous::VIRIDIS,
            Self::Inferno => colorous::INFERNO,
            Self::Magma => colorous::MAGMA,
            Self::Cividis => colorous::CIVIDIS,
            Self::Jet => return jet(t),
            Self::Coolwarm => return coolwarm(t),
        };
        Rgb(gradient.eval_continuous(f64::from(t)).into_array())
    }

    /// Returns the scale that shows all of `map`: its maximum, or its largest absolute value for a diverging colour
    /// map.
    ///
    /// For a common scale of several maps, take the largest of their scales.
    pub fn scale_of(self, map: &Grid) -> f32 {
        if self.is_diverging() {
            map.absolute_max()
        } else {
            map.positive_max()
        }
    }

    /// Returns the colour of `value` if `scale` is the end of the map: position `value / scale` on a sequential map,
    /// `(1 + value / scale) / 2` on a diverging one. Non-finite values have the colour of 0.
    pub fn color_of(self, value: f32, scale: f32) -> Rgb<u8> {
        let share = self.share(value, scale);
        self.at(if self.is_diverging() {
            0.5 + 0.5 * share
        } else {
            share
        })
    }

    /// Clamps `value / scale` to the map's range: 0..=1, or -1..=1 on a diverging map. 0 if the value is not finite or
    /// the scale is 0.
    pub(crate) fn share(self, value: f32, scale: f32) -> f32 {
        if !value.is_finite() || scale <= 0.0 {
            return 0.0;
        }
        let lowest = if self.is_diverging() { -1.0 } else { 0.0 };
        (value / scale).clamp(lowest, 1.0)
    }
}

impl fmt::Display for ColorMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ColorMap {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL
            .iter()
            .copied()
            .find(|map| map.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| Error::ColorMap {
            name: name.to_owned(),
            expected: quoted(Self::ALL),
        })
    }
}

/// Computes MATLAB's jet: three trapezoids of slope 4, a quarter apart.
fn jet(t: f32) -> Rgb<u8> {
    let channel =
        |centre: f32| ((1.5 - (4.0 * t - centre).abs()).clamp(0.0, 1.0) * 255.0).round() as u8;
    Rgb([channel(3.0), channel(2.0), channel(1.0)])
}

/// Moreland's cool-to-warm map as 33 control points; linear between them.
///
/// K. Moreland, "Diverging Color Maps for Scientific Visualization", ISVC 2009: from (59, 76, 192) through a neutral
/// grey to (180, 4, 38) in Msh space. A test repeats the construction.
const COOLWARM: [[u8; 3]; 33] = [
    [59, 76, 192],
    [68, 90, 204],
    [78, 104, 215],
    [88, 117, 225],
    [98, 130, 234],
    [108, 142, 241],
    [119, 154, 247],
    [130, 165, 251],
    [141, 176, 254],
    [152, 185, 255],
    [163, 194, 255],
    [174, 201, 253],
    [184, 208, 249],
    [194, 213, 244],
    [204, 217, 238],
    [213, 219, 230],
    [221, 221, 221],
    [229, 216, 209],
    [236, 211, 198],
    [241, 204, 185],
    [245, 196, 173],
    [247, 187, 160],
    [247, 177, 148],
    [247, 166, 135],
    [244, 154, 123],
    [241, 141, 111],
    [236, 127, 99],
    [229, 112, 87],
    [222, 97, 76],
    [213, 80, 66],
    [203, 62, 56],
    [192, 40, 47],
    [180, 4, 38],
];

fn coolwarm(t: f32) -> Rgb<u8> {
    let position = t * (COOLWARM.len() - 1) as f32;
    let index = (position as usize).min(COOLWARM.len() - 2);
    let (low, high, rest) = (
        COOLWARM[index],
        COOLWARM[index + 1],
        position - index as f32,
    );
    Rgb(std::array::from_fn(|c| mix(low[c], high[c], rest)))
}

/// Interpolates between `from` at 0 and `to` at 1, both exact.
pub(crate) fn mix(from: u8, to: u8, share: f32) -> u8 {
    let (from, to) = (f32::from(from), f32::from(to));
    (from + (to - from) * share).round() as u8
}

/// Blends `color` over `pixel` with an opacity in 0..=1; at 0 the pixel is unchanged.
pub(crate) fn blend(pixel: &mut Rgb<u8>, color: Rgb<u8>, opacity: f32) {
    for (under, over) in pixel.0.iter_mut().zip(color.0) {
        *under = mix(*under, over, opacity);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::grid;

    #[test]
    fn ends_are_the_published_colours() {
        let ends = |map: ColorMap| [map.at(0.0).0, map.at(1.0).0];
        // turbo and cividis follow the polynomials of d3-scale-chromatic, the others matplotlib's tables.
        assert_eq!(ends(ColorMap::Turbo), [[34, 23, 27], [144, 12, 0]]);
        assert_eq!(ends(ColorMap::Viridis), [[68, 1, 84], [253, 231, 37]]);
        assert_eq!(ends(ColorMap::Inferno), [[0, 0, 4], [252, 255, 164]]);
        assert_eq!(ends(ColorMap::Magma), [[0, 0, 4], [252, 253, 191]]);
        assert_eq!(ends(ColorMap::Cividis), [[0, 32, 81], [253, 233, 69]]);
        assert_eq!(ends(ColorMap::Jet), [[0, 0, 128], [128, 0, 0]]);
        assert_eq!(ends(ColorMap::Coolwarm), [[59, 76, 192], [180, 4, 38]]);
        assert_eq!(ColorMap::Jet.at(0.5).0, [128, 255, 128]);
        assert_eq!(ColorMap::Coolwarm.at(0.5).0, [221, 221, 221]);
    }

    #[test]
    fn a_value_is_divided_by_the_scale() {
        let map = ColorMap::Viridis;
        assert_eq!(map.color_of(3.0, 3.0), map.at(1.0));
        assert_eq!(map.color_of(1.5, 3.0), map.at(0.5));
        assert_eq!(map.color_of(9.0, 3.0), map.at(1.0), "beyond the scale");
        for nothing in [0.0, -2.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(map.color_of(nothing, 3.0), map.at(0.0), "{nothing}");
        }
        assert_eq!(map.color_of(0.0, 0.0), map.at(0.0), "a zero map");

        let signed = ColorMap::Coolwarm;
        assert_eq!(signed.color_of(-2.0, 2.0).0, [59, 76, 192]);
        assert_eq!(signed.color_of(0.0, 2.0).0, [221, 221, 221]);
        assert_eq!(signed.color_of(f32::NAN, 2.0).0, [221, 221, 221]);
        assert_eq!(signed.color_of(2.0, 2.0).0, [180, 4, 38]);
    }

    #[test]
    fn the_scale_of_a_signed_map_is_its_largest_absolute_value() {
        let map = grid(1, 3, &[-4.0, 0.0, 3.0]);
        assert_eq!(
            (
                ColorMap::Turbo.scale_of(&map),
                ColorMap::Coolwarm.scale_of(&map)
            ),
            (3.0, 4.0)
        );
    }

    #[test]
    fn names_round_trip() {
        for &map in ColorMap::ALL {
            assert_eq!(map.to_string().parse::<ColorMap>().unwrap(), map);
            assert_eq!(map.name().to_uppercase().parse::<ColorMap>().unwrap(), map);
        }
        assert_eq!(
            "plasma".parse::<ColorMap>().unwrap_err().to_string(),
            "unknown colour map `plasma`; expected one of `turbo`, `viridis`, `inferno`, `magma`, `cividis`, `jet`, `coolwarm`"
        );
    }

    /// Moreland's construction (section 5 of the paper): sRGB to CIELAB (D65) to the polar Msh, a straight line from
    /// each end to the neutral grey of M = 88, whose hue is turned to keep the steps even.
    #[test]
    fn coolwarm_follows_its_construction() {
        let (cool, warm) = (msh([59.0, 76.0, 192.0]), msh([180.0, 4.0, 38.0]));
        let grey = cool[0].max(warm[0]).max(88.0);
        for (index, stored) in COOLWARM.iter().enumerate() {
            let t = index as f64 / 32.0;
            let (end, share) = if t < 0.5 {
                (cool, 1.0 - 2.0 * t)
            } else {
                (warm, 2.0 * t - 1.0)
            };
            let neutral = [grey, 0.0, turned_hue(end, grey)];
            let color = rgb(std::array::from_fn(|i| {
                neutral[i] + (end[i] - neutral[i]) * share
            }));
            for (stored, computed) in stored.iter().zip(color) {
                assert!(
                    (f64::from(*stored) - computed).abs() < 0.51,
                    "{index}: {stored} and {computed}"
                );
            }
        }
    }

    const XYZ_OF_RGB: [[f64; 3]; 3] = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.072175],
        [0.0193339, 0.119192, 0.9503041],
    ];
    const RGB_OF_XYZ: [[f64; 3]; 3] = [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.969266, 1.8760108, 0.041556],
        [0.0556434, -0.2040259, 1.0572252],
    ];
    const WHITE: [f64; 3] = [0.95047, 1.0, 1.08883];

    fn times(matrix: [[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
    }

    fn msh(rgb: [f64; 3]) -> [f64; 3] {
        let linear = rgb.map(|c| c / 255.0).map(|c| {
            if c > 0.04045 {
                ((c + 0.055) / 1.055).powf(2.4)
            } else {
                c / 12.92
            }
        });
        let xyz = times(XYZ_OF_RGB, linear);
        let f: [f64; 3] = std::array::from_fn(|i| {
            let t = xyz[i] / WHITE[i];
            if t > 0.008856 {
                t.cbrt()
            } else {
                7.787 * t + 16.0 / 116.0
            }
        });
        let (l, a, b) = (
            116.0 * f[1] - 16.0,
            500.0 * (f[0] - f[1]),
            200.0 * (f[1] - f[2]),
        );
        let m = (l * l + a * a + b * b).sqrt();
        [m, (l / m).acos(), b.atan2(a)]
    }

    fn rgb([m, s, h]: [f64; 3]) -> [f64; 3] {
        let (l, a, b) = (m * s.cos(), m * s.sin() * h.cos(), m * s.sin() * h.sin());
        let y = (l + 16.0) / 116.0;
        let f = [y + a / 500.0, y, y - b / 200.0];
        let xyz = std::array::from_fn(|i| {
            WHITE[i]
                * if f[i] > 0.206893 {
                    f[i].powi(3)
                } else {
                    (f[i] - 16.0 / 116.0) / 7.787
                }
        });
        times(RGB_OF_XYZ, xyz).map(|c| {
            let c = if c > 0.0031308 {
                1.055 * c.powf(1.0 / 2.4) - 0.055
            } else {
                12.92 * c
            };
            255.0 * c.clamp(0.0, 1.0)
        })
    }

    fn turned_hue([m, s, h]: [f64; 3], grey: f64) -> f64 {
        let turn = s * (grey * grey - m * m).sqrt() / (m * s.sin());
        if h > -std::f64::consts::FRAC_PI_3 {
            h + turn
        } else {
            h - turn
        }
    }
}
