//! Rows and columns of a map.

use std::fmt;

use crate::Error;

/// Height and width of a map, in positions: at least one row and one column.
///
/// Tensors put the height first and pictures the width, so this type names both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size {
    height: usize,
    width: usize,
}

impl Size {
    /// Makes a size of `height` rows and `width` columns.
    ///
    /// # Errors
    /// [`Error::Empty`] if one of them is 0.
    pub const fn new(height: usize, width: usize) -> Result<Self, Error> {
        if height == 0 || width == 0 {
            Err(Error::Empty { height, width })
        } else {
            Ok(Self { height, width })
        }
    }

    /// Returns the number of rows, at least 1.
    pub const fn height(self) -> usize {
        self.height
    }

    /// Returns the number of columns, at least 1.
    pub const fn width(self) -> usize {
        self.width
    }

    /// Returns height and width, in the order of a tensor's dimensions.
    pub const fn height_width(self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// Returns the number of positions, `height * width`, saturating at `usize::MAX`.
    pub const fn area(self) -> usize {
        self.height.saturating_mul(self.width)
    }
}

/// `HEIGHT x WIDTH`.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.height, self.width)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_place() {
        let size = Size::new(2, 3).unwrap();
        assert_eq!((size.height_width(), size.area()), ((2, 3), 6));
        assert_eq!(size.to_string(), "2 x 3");
        assert_eq!(
            Size::new(0, 3).unwrap_err().to_string(),
            "a map needs at least one row and one column, found height 0 and width 3"
        );
        assert_eq!(Size::new(usize::MAX, 2).unwrap().area(), usize::MAX);
    }
}
