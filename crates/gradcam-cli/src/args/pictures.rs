//! The part of a picture file that is shown: its window and frame.

use clap::Args;
use gradcam_models::picture::Window;

/// The part of a picture file that is shown.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Pictures {
    /// The values that become black and white, such as 0:4095 for 12 bits in a 16-bit file; auto takes each picture's extremes [default: the format's full range; a DICOM file's own window].
    #[arg(long, value_name = "LO:HI|auto", allow_hyphen_values = true)]
    pub(crate) window: Option<Window>,
    /// The frame of a DICOM file or the slice of a NIfTI volume, counted from 0 [default: the first frame, the middle slice].
    #[arg(long, value_name = "N")]
    pub(crate) frame: Option<usize>,
}
