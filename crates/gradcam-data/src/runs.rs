//! Masks as run lengths.
//!
//! A mask is read column by column; its run lengths alternate between zeros and ones, beginning with zeros. COCO stores them as JSON
//! numbers or as a compressed string; SIIM-ACR stores the same numbers in a CSV field, without the last run of zeros. The formats follow
//! `maskApi.c` of the COCO API and the competition's page.

use crate::{Error, Mask, Result};

/// Decodes a mask from run lengths.
///
/// # Errors
/// [`Error::Runs`] if the lengths do not add up to `height * width`, and [`Error::Setting`] for more than 2³⁰ pixels.
pub fn from_runs(runs: &[u32], height: usize, width: usize) -> Result<Mask> {
    check_runs(runs, height, width)?;
    let mut mask = Mask::empty(height, width)?;
    let mut at = 0;
    for (i, &run) in runs.iter().enumerate() {
        let end = at + run as usize;
        if i % 2 == 1 {
            for p in at..end {
                mask.values[(p % height) * width + p / height] = true;
            }
        }
        at = end;
    }
    Ok(mask)
}

/// Encodes a mask as run lengths; the first counts zeros, and may be 0.
pub fn to_runs(mask: &Mask) -> Vec<u32> {
    let (mut runs, mut value, mut run) = (Vec::new(), false, 0);
    for p in 0..mask.height * mask.width {
        let pixel = mask.values[(p % mask.height) * mask.width + p / mask.height];
        if pixel != value {
            runs.push(run);
            (value, run) = (pixel, 0);
        }
        run += 1;
    }
    runs.push(run);
    runs
}

/// Checks that run lengths add up to a mask of this size.
///
/// # Errors
/// [`Error::Runs`] if they do not.
pub fn check_runs(runs: &[u32], height: usize, width: usize) -> Result<()> {
    // Sizes come from files, and their product may overflow a machine word.
    let total: u128 = runs.iter().map(|&run| u128::from(run)).sum();
    let expected = height as u128 * width as u128;
    if total == expected {
        Ok(())
    } else {
        Err(Error::Runs(format!(
            "expected {expected} pixels ({width} × {height}), found {total}"
        )))
    }
}

/// Decodes the run lengths of a COCO string. A character, counted from `0`, holds five bits; a sixth says that more follow. From the fourth
/// number on, each is the difference from the number two before it.
///
/// # Errors
/// [`Error::Runs`] for another character, a number that ends early, or a length that is negative or too long.
pub fn decompress(text: &str) -> Result<Vec<u32>> {
    let mut runs: Vec<u32> = Vec::new();
    let (mut number, mut shift) = (0_i64, 0);
    for (position, byte) in text.bytes().enumerate() {
        let bits = i64::from(byte) - 48;
        if !(0..64).contains(&bits) || shift > 30 {
            let found = char::from(byte);
            return Err(Error::Runs(format!("character {position}, `{found}`")));
        }
        number |= (bits & 31) << shift;
        shift += 5;
        if bits & 32 != 0 {
            continue;
        }
        if bits & 16 != 0 {
            number |= -1 << shift;
        }
        if let [.., _, before, _] = runs[..] {
            number += i64::from(before);
        }
        let run = u32::try_from(number)
            .map_err(|_| Error::Runs(format!("the run {} is {number}", runs.len())))?;
        runs.push(run);
        (number, shift) = (0, 0);
    }
    if shift > 0 {
        return Err(Error::Runs("the last number is cut off".to_string()));
    }
    Ok(runs)
}

/// Decodes a SIIM-ACR field: pairs of a start, counted from the previous run's end, and a length. `-1` means no run.
///
/// # Errors
/// [`Error::Runs`] for other words, an odd number of them, or runs that leave the picture.
pub fn from_relative(text: &str, height: usize, width: usize) -> Result<Vec<u32>> {
    let all = height as u64 * width as u64;
    let too_long = |_| Error::Runs(format!("{width} × {height} pixels are too many"));
    if text.trim() == "-1" {
        return Ok(vec![u32::try_from(all).map_err(too_long)?]);
    }
    let parse = |word: &str| {
        word.parse::<u32>()
            .map_err(|_| Error::Runs(format!("expected a number of pixels, found `{word}`")))
    };
    let mut runs: Vec<u32> = text.split_whitespace().map(parse).collect::<Result<_>>()?;
    if runs.len() % 2 == 1 {
        return Err(Error::Runs(format!(
            "expected pairs of start and length, found {} numbers",
            runs.len()
        )));
    }
    let used: u64 = runs.iter().map(|&run| u64::from(run)).sum();
    let left = all.checked_sub(used).ok_or_else(|| {
        Error::Runs(format!(
            "the runs end at pixel {used} of {all} ({width} × {height})"
        ))
    })?;
    runs.push(u32::try_from(left).map_err(too_long)?);
    Ok(runs)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::mask::tests::drawn;

    #[test]
    fn runs_go_down_the_columns() {
        // Columns .#, ##, .. from the left.
        let mask = drawn(&[".#.", "##."]);
        assert_eq!(to_runs(&mask), [1, 3, 2]);
        assert_eq!(from_runs(&[1, 3, 2], 2, 3).unwrap(), mask);
        assert_eq!(to_runs(&drawn(&["#.", "##"])), [0, 2, 1, 1]);
        assert_eq!(to_runs(&drawn(&["..", ".."])), [4]);
        assert!(from_runs(&[1, 3, 1], 2, 3).is_err());
        assert!(from_runs(&[u32::MAX, u32::MAX, 8], 2, 3).is_err());
    }

    /// Worked by hand. In 2, 3, 1, 1, the fourth is stored as 1 - 3 = -2: five bits 11110, character 30 + 48. The last run of 0, 5, 2, 100
    /// is stored as 100 - 5 = 95 = 2 · 32 + 31: first 31 + 32 + 48, then 2 + 48.
    #[test]
    fn sizes_of_files_do_not_overflow() {
        let side = 1 << 32;
        assert!(check_runs(&[], side, side).is_err());
    }

    #[test]
    fn compressed_strings() {
        assert_eq!(decompress("231N").unwrap(), [2, 3, 1, 1]);
        assert_eq!(decompress("02520").unwrap(), [0, 2, 5, 4, 5]);
        assert_eq!(decompress("052o2").unwrap(), [0, 5, 2, 100]);
        // 16 needs two characters: its fifth bit alone would be the sign.
        assert_eq!(decompress("`00").unwrap(), [16, 0]);
        assert_eq!(decompress("").unwrap(), [0; 0]);
        for bad in ["o", "2 3", "N", "oooooooo2", "é"] {
            assert!(decompress(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn starts_are_relative_to_the_last_runs_end() {
        // 3 × 3: pixels 1 and 2 of the first column, then, one further, 4 and 5.
        let runs = from_relative("1 2 1 2", 3, 3).unwrap();
        assert_eq!(runs, [1, 2, 1, 2, 3]);
        assert_eq!(
            from_runs(&runs, 3, 3).unwrap(),
            drawn(&["...", "##.", "##."])
        );
        assert_eq!(from_relative(" -1 ", 3, 3).unwrap(), [9]);
        for bad in ["1", "1 2 3", "5 5", "-2 4", "a b"] {
            assert!(from_relative(bad, 3, 3).is_err(), "{bad}");
        }
    }
}
