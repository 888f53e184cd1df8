//! Eigen-CAM (Muhammad and Yeasin 2020) and Eigen-Grad-CAM: the first principal component of a layer.

use serde::{Deserialize, Serialize};

use super::component::first_component;
use crate::Result;
use crate::methods::about::{About, LAYER};
use crate::methods::recipe::Recipe;
use crate::saliency::{SignedMap, Subject};

/// Options of [`Method::EigenCam`](crate::Method::EigenCam) and [`Method::EigenGradCam`](crate::Method::EigenGradCam).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EigenCam {
    /// Whether each channel's mean is subtracted first: pytorch-grad-cam does so, the paper does not.
    pub centered: bool,
}

impl Recipe for EigenCam {
    fn about(&self) -> About {
        About {
            paper: "Muhammad and Yeasin 2020, Eigen-CAM: Class Activation Map using Principal Components",
            cost: "1 forward",
            needs: "a layer with a spatial map; no gradient",
            gradient: false,
            backward: false,
            target: false,
            ..LAYER
        }
    }

    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let columns = subject
            .features
            .channels()
            .map(|a| a.iter().map(|&a| f64::from(a)).collect());
        let component = first_component(columns.collect(), self.centered);
        Ok(subject.features.grid(component).into())
    }
}

/// The recipe of [`Method::EigenGradCam`](crate::Method::EigenGradCam).
pub(crate) struct EigenGradCam(pub(crate) EigenCam);

impl Recipe for EigenGradCam {
    fn about(&self) -> About {
        About {
            paper: "Gildenblat 2021, the library pytorch-grad-cam",
            ..LAYER
        }
    }

    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let product = |(a, g): (&[f32], &[f32])| {
            let values = a.iter().zip(g);
            values.map(|(&a, &g)| f64::from(a) * f64::from(g)).collect()
        };
        let columns = subject.features.pairs().map(product);
        let component = first_component(columns.collect(), self.0.centered);
        Ok(subject.features.grid(component).into())
    }
}
