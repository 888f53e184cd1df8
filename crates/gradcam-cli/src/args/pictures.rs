//! What of a picture is shown.

use clap::Args;
use gradcam_models::picture::Window;

/// What of a picture is shown.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Pictures {
    /// The values that become black and white, as 0:4095 for 12 bits in a 16-bit file; auto for those of each picture [default: all that the file can have; a DICOM's own window].
    #[arg(long, value_name = "LO:HI|auto", allow_hyphen_values = true)]
    pub(crate) window: Option<Window>,
    /// The frame of a DICOM file or the slice of a NIfTI volume, from 0 [default: the first frame, the middle slice].
    #[arg(long, value_name = "N")]
    pub(crate) frame: Option<usize>,
}
