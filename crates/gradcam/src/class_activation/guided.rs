//! Grad-CAM times a map of the pixels.

use super::grad_cam;
use crate::method::{Channels, SmoothGrad};
use crate::saliency::Subject;
use crate::{Grid, Interpolation, Result, pixels};

/// Guided Grad-CAM (Selvaraju et al. 2017, section 3.2): guided backpropagation, summed over the colours, times the positive part of
/// Grad-CAM, enlarged to the input's size.
pub(super) fn grad_cam_times_guided(subject: &Subject<'_>) -> Result<Grid> {
    let guided = pixels::rectified::guided_gradient(subject)?;
    times(subject, &pixels::reduce::reduce(&guided, Channels::Sum)?)
}

/// SmoothGrad times the positive part of Grad-CAM.
pub(super) fn smooth(options: &SmoothGrad, subject: &Subject<'_>) -> Result<Grid> {
    times(subject, &pixels::smooth::mean(options, subject)?.map)
}

fn times(subject: &Subject<'_>, pixels: &Grid) -> Result<Grid> {
    let cam = grad_cam(subject.features).map.relu();
    let cam = Interpolation::default().resize(&cam, pixels.height, pixels.width);
    let products = cam.values.iter().zip(&pixels.values).map(|(c, p)| c * p);
    Ok(Grid {
        height: pixels.height,
        width: pixels.width,
        values: products.collect(),
    })
}
