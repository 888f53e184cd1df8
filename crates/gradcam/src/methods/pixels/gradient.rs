//! The plain gradient at the pixels.

use serde::{Deserialize, Serialize};

use super::reduce::{Channels, reduced};
use crate::Result;
use crate::methods::about::{About, PIXELS};
use crate::methods::recipe::Recipe;
use crate::saliency::{SignedMap, Subject};

/// Options of [`Method::Gradient`](crate::Method::Gradient), [`Method::GuidedBackpropagation`](crate::Method::GuidedBackpropagation) and [`Method::Deconvolution`](crate::Method::Deconvolution).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gradient {
    /// How the colours of a pixel become one number.
    pub channels: Channels,
}

impl Recipe for Gradient {
    fn about(&self) -> About {
        About {
            paper: "Simonyan et al. 2013, Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps",
            gradient: true,
            ..PIXELS
        }
    }

    fn is_signed(&self) -> bool {
        self.channels == Channels::Sum
    }

    /// Returns the gradient (Simonyan et al. 2013, section 3).
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let features = subject.features;
        Ok(reduced(features.gradient, features.size, self.channels).into())
    }
}

/// Gradient times input (Shrikumar et al. 2016).
pub(crate) struct InputTimesGradient;

impl Recipe for InputTimesGradient {
    fn about(&self) -> About {
        About {
            paper: "Shrikumar et al. 2016, Not Just a Black Box: Learning Important Features Through Propagating Activation Differences",
            gradient: true,
            ..PIXELS
        }
    }

    /// Computes gradient times input, in the units of the network's input: the product is 0 where the picture has the data set's mean.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let features = subject.features;
        let products = features.activation.iter().zip(features.gradient);
        let products: Vec<f32> = products.map(|(x, g)| x * g).collect();
        Ok(reduced(&products, features.size, Channels::Sum).into())
    }
}
