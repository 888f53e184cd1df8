//! Architectures by name.
//!
//! Module and parameter paths are timm's, or torchvision's for networks that timm lacks. Torchvision's names for the other networks are
//! mapped onto them, as are those of Hugging Face transformers for ResNet and the transformers.

mod alexnet;
mod convnext;
mod densenet;
mod efficientnet;
mod family;
mod googlenet;
mod inception;
mod mbconv;
mod mbconv_names;
mod mobilenetv3;
mod plan;
mod resnet;
mod resnet_names;
mod squeezenet;
mod swin;
mod table;
pub(crate) mod transformers_names;
mod unknown;
mod vgg;
mod vit;

use gradcam_names::nearest;

pub use self::plan::{Architecture, Naming};
pub use self::unknown::UnknownArchitecture;
pub(crate) use self::vit::Size;

/// Lists every architecture, by family and size.
pub fn all() -> &'static [Architecture] {
    table::ALL
}

/// Finds an architecture by name, ignoring case and punctuation (`ResNet-50`) and a tag after a dot (`resnet50.a1_in1k`).
///
/// # Errors
/// [`UnknownArchitecture`] with the nearest names.
///
/// ```
/// use gradcam_models::architectures::find;
///
/// assert_eq!(find("ResNet-50").map(|found| found.name).ok(), Some("resnet50"));
/// assert!(find("resnet51").is_err());
/// ```
pub fn find(name: &str) -> Result<&'static Architecture, UnknownArchitecture> {
    let named = |plain: &str| all().iter().find(|a| letters(a.name) == plain);
    let plain = letters(name.split('.').next().unwrap_or(name));
    named(&letters(name))
        .or_else(|| named(&plain))
        .ok_or_else(|| UnknownArchitecture {
            name: name.to_string(),
            nearest: nearest(&plain, all().iter().map(|a| a.name)),
        })
}

/// Finds the architecture whose name occurs in a text such as a checkpoint's file name (`resnet50-0676ba61`); the longest name wins.
pub fn named_in(text: &str) -> Option<&'static Architecture> {
    let plain = letters(text);
    let fits = |a: &&Architecture| plain.contains(&letters(a.name));
    all().iter().filter(fits).max_by_key(|a| a.name.len())
}

/// Keeps the letters and digits of a name, in lower case, for comparisons with user input.
pub fn letters(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests;
