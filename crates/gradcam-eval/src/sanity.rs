//! Does a map depend on what the network has learned?
//!
//! A map should change when the network's parameters are redrawn, or when the network is trained on random labels. Otherwise it shows the
//! picture and not the network (Adebayo et al. 2018). Other tests ask whether networks with the same outputs have the same maps
//! ([`agreement`], Arun et al. 2021; [`implementation_invariance`], Sundararajan et al. 2017). Others ask whether a map depends on what a
//! network looks for ([`model_contrast`], Yang and Kim 2019).
//!
//! Similarity has no known zero: the maps of two pictures are alike because they are smooth, positive and centred. Each test therefore also
//! measures the similarity between maps of different pictures, and compares with it.

mod agreement;
mod blocks;
mod compressed;
mod contrast;
mod data;
mod fresh;
mod images;
mod likeness;
mod parameters;
#[cfg(test)]
mod tests;
mod twin;
mod verdicts;

pub use agreement::{Agreement, Classes, Side, accuracy, accuracy_gate, agreement, agreement_test};
pub use blocks::{Block, blocks};
pub use compressed::rounded;
pub use contrast::{
    Contrast, Descent, RelativeContrast, Scene, Scenes, contrast_map, input_dependence,
    input_dependence_test, input_independence, inside, model_contrast, model_contrast_test,
    relative_contrast, relative_contrast_test,
};
pub use data::{DataRandomization, data_randomization, data_randomization_test};
pub use fresh::fresh;
pub use images::{ExplainClass, Images, predicted};
pub use likeness::{Likeness, MAP_METRICS, PAIRS, likeness_of_pairs, named};
pub(crate) use likeness::{compare, gathered};
pub use parameters::{Order, Protocol, Randomized, Rebuild, Step, Trained, randomize};
pub use twin::{
    Channels, ExplainSum, Twin, classifier_channels, implementation_invariance, linearity,
    permuted, twin_test,
};
pub use verdicts::{cascade_test, weight_randomization_test};
