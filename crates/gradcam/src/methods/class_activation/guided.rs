//! Grad-CAM times a map of the pixels.

use gradcam_map::{Grid, Interpolation};

use super::grad_cam;
use crate::Result;
use crate::methods::about::{About, LAYER};
use crate::methods::pixels::rectified::guided_gradient;
use crate::methods::pixels::reduce::{Channels, reduce};
use crate::methods::pixels::smooth::SmoothGrad;
use crate::methods::pixels::through::all_pass;
use crate::methods::recipe::{Check, Recipe, Setting};
use crate::saliency::{SignedMap, Source, Subject};

/// Guided Grad-CAM (Selvaraju et al. 2017, section 3.2).
pub(crate) struct GuidedGradCam;

impl Recipe for GuidedGradCam {
    fn about(&self) -> About {
        About {
            paper: "Selvaraju et al. 2017, Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
            cost: "2 forwards, 1 backward and 1 of the head",
            needs: "a layer with a spatial map, and a network whose operations all go through the pass",
            resolution: Source::Pixels,
            ..LAYER
        }
    }

    fn suits(&self, setting: &Setting<'_>) -> Result<()> {
        all_pass(setting.method, setting.network)
    }

    /// Computes guided Grad-CAM (Selvaraju et al. 2017, section 3.2): guided backpropagation, summed over the colours, times the positive
    /// part of Grad-CAM, upsampled to the input's size.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let guided = guided_gradient(subject)?;
        Ok(times(subject, &reduce(&guided, Channels::Sum)?).into())
    }
}

/// The recipe of [`Method::SmoothGradGradCam`](crate::Method::SmoothGradGradCam).
pub(crate) struct SmoothGradGradCam(pub(crate) SmoothGrad);

impl Recipe for SmoothGradGradCam {
    fn about(&self) -> About {
        About {
            paper: "Smilkov et al. 2017, SmoothGrad: removing noise by adding noise, times Grad-CAM",
            cost: "51 forwards, 50 backwards and 1 of the head",
            resolution: Source::Pixels,
            ..LAYER
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        self.0.check(check)
    }

    /// Computes SmoothGrad times the positive part of Grad-CAM.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        Ok(times(subject, &self.0.map(subject)?.map).into())
    }
}

/// Multiplies the positive part of Grad-CAM by a map of the pixels.
fn times(subject: &Subject<'_>, pixels: &Grid) -> Grid {
    let cam = grad_cam::signed_map(subject.features).map.relu();
    let cam = Interpolation::default().resize(&cam, pixels.size());
    Grid::from_fn(pixels.size(), |i| cam.values()[i] * pixels.values()[i])
}
