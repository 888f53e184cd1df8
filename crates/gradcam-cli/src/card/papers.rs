//! The papers behind several tests of a card.

pub(super) const ADEBAYO: &str = "Adebayo et al. 2018, Sanity Checks for Saliency Maps";
pub(super) const ARUN: &str = "Arun et al. 2021, Assessing the Trustworthiness of Saliency Maps for Localizing Abnormalities in Medical Imaging";
pub(super) const SUNDARARAJAN: &str =
    "Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks";
