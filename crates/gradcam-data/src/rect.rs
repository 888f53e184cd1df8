//! A rectangle of a picture.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A rectangle in a picture's pixels, with fractions: pixel `i` covers `i` to `i + 1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    /// Left edge; may lie beyond the picture.
    pub x: f64,
    /// Top edge; may lie beyond the picture.
    pub y: f64,
    /// Width, not negative.
    pub width: f64,
    /// Height, not negative.
    pub height: f64,
}

impl fmt::Display for Rect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rect { x, y, .. } = self;
        write!(
            f,
            "x {x}, y {y}, width {}, height {}",
            self.width, self.height
        )
    }
}

impl Rect {
    /// Covers a whole picture of this height and width.
    pub fn whole(height: usize, width: usize) -> Rect {
        Rect {
            x: 0.0,
            y: 0.0,
            width: width as f64,
            height: height as f64,
        }
    }

    /// Covers the pixels from `first` to `last` inclusive, both as `[x, y]`.
    pub(crate) fn inclusive(first: [f64; 2], last: [f64; 2]) -> Rect {
        Rect {
            x: first[0],
            y: first[1],
            width: last[0] - first[0] + 1.0,
            height: last[1] - first[1] + 1.0,
        }
    }

    /// Tells whether all numbers are finite and no side is negative.
    pub fn is_valid(&self) -> bool {
        [self.x, self.y, self.width, self.height]
            .iter()
            .all(|v| v.is_finite())
            && self.width >= 0.0
            && self.height >= 0.0
    }

    /// Maps this rectangle into a view: `region` of the picture, resized to `height` × `width` pixels. The result is not clipped to the
    /// view.
    ///
    /// ```
    /// use gradcam_data::Rect;
    ///
    /// let picture = Rect::whole(100, 200);
    /// let object = Rect { x: 50.0, y: 20.0, width: 100.0, height: 40.0 };
    /// let seen = object.view(picture, 50, 50);
    /// assert_eq!((seen.x, seen.y, seen.width, seen.height), (12.5, 10.0, 25.0, 20.0));
    /// ```
    pub fn view(&self, region: Rect, height: usize, width: usize) -> Rect {
        let (across, down) = (width as f64 / region.width, height as f64 / region.height);
        Rect {
            x: (self.x - region.x) * across,
            y: (self.y - region.y) * down,
            width: self.width * across,
            height: self.height * down,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_takes_the_crop_and_the_resize_of_its_picture() {
        let rect = Rect {
            x: 30.0,
            y: 40.0,
            width: 10.0,
            height: 20.0,
        };
        let region = Rect {
            x: 20.0,
            y: 0.0,
            width: 100.0,
            height: 50.0,
        };
        let found = rect.view(region, 25, 200);
        assert_eq!(
            found,
            Rect {
                x: 20.0,
                y: 20.0,
                width: 20.0,
                height: 10.0
            }
        );
        assert!(
            !Rect {
                width: -1.0,
                ..rect
            }
            .is_valid()
                && !Rect {
                    x: f64::NAN,
                    ..rect
                }
                .is_valid()
        );
    }
}
