//! The plain gradient at the pixels.

use super::reduce::reduced;
use crate::Result;
use crate::method::{Channels, Gradient};
use crate::saliency::{SignedMap, Subject};

/// The gradient (Simonyan et al. 2013, section 3).
pub(crate) fn gradient(options: &Gradient, subject: &Subject<'_>) -> Result<SignedMap> {
    let features = subject.features;
    Ok(reduced(features.gradient, features.size, options.channels).into())
}

/// Gradient times input, in the units in which the network sees it: the product is 0 where the picture has the data set's mean.
pub(crate) fn input_times_gradient(subject: &Subject<'_>) -> Result<SignedMap> {
    let features = subject.features;
    let products = features.activation.iter().zip(features.gradient);
    let products: Vec<f32> = products.map(|(x, g)| x * g).collect();
    Ok(reduced(&products, features.size, Channels::Sum).into())
}
