//! Which values of the options mean something.

use super::Method;
use crate::{Baseline, Error, Result};

/// Gauss-Legendre points that are found in a moment.
const STEPS: usize = 10_000;
/// Forwards that no one waits for, and whose number times that of a layer's channels is still one.
const COUNT: usize = 1_000_000_000;
/// Pixels: a blur this wide leaves one colour of any picture that a network takes.
const SIGMA: f64 = 1000.0;
/// Superpixels: a regression takes the square of their number.
const SEGMENTS: usize = 5000;

impl Method {
    /// What it compares an image with, where that is an option.
    pub(crate) fn baseline(&self) -> Option<Baseline> {
        serde_json::from_value(self.options().remove("baseline")?).ok()
    }

    /// Refuses a value that means nothing for any image and network; or for any image of the height and width of `input`, if that is known.
    ///
    /// # Errors
    /// For the first such option.
    pub(crate) fn check_options(&self, input: Option<(usize, usize)>) -> Result<()> {
        let check = Check(self.name());
        let shorter = input.map_or(usize::MAX, |(height, width)| height.min(width));
        match self {
            Method::GradCamPlusPlus(o) => check.at_least_zero("epsilon", o.epsilon),
            Method::XGradCam(o) => check.at_least_zero("epsilon", o.epsilon),
            Method::SmoothGradCamPlusPlus(o) => {
                check.count("samples", o.samples)?;
                check.at_least_zero("noise", o.noise)
            }
            Method::Fem(o) => check.finite("sigmas", o.sigmas),
            Method::SsCam(o) => {
                check.count("samples", o.samples)?;
                check.at_least_zero("sigma", o.sigma)
            }
            Method::IsCam(o) => check.steps(o.steps),
            Method::FinerCam(o) => {
                check.count("references", o.references)?;
                check.finite("gamma", o.gamma)
            }
            Method::ShapleyCam(o) => {
                let fits = o.step > 0.0 && o.step < 1.0;
                check.that(fits, "step", "above 0 and below 1", o.step)
            }
            Method::SmoothGrad(o) | Method::VarGrad(o) | Method::SmoothGradGradCam(o) => {
                check.count("samples", o.samples)?;
                check.at_least_zero("noise", o.noise)
            }
            Method::IntegratedGradients(o) => check.steps(o.steps),
            Method::SmoothIntegratedGradients(o) => {
                check.steps(o.steps)?;
                check.count("samples", o.samples)?;
                check.at_least_zero("noise", o.noise)
            }
            Method::ExpectedGradients(o) => check.count("samples", o.samples),
            Method::BlurIntegratedGradients(o) => {
                check.steps(o.steps)?;
                let fits = (0.0..=SIGMA).contains(&o.sigma);
                check.that(fits, "sigma", "0 to 1000", o.sigma)
            }
            Method::Xrai(o) => check.steps(o.steps),
            Method::Lrp(o) => {
                let fits = o.epsilon > 0.0 && o.epsilon.is_finite();
                check.that(fits, "epsilon", "above 0", o.epsilon)?;
                check.at_least_zero("gamma", o.gamma)?;
                check.finite("alpha", o.alpha)?;
                check.finite("beta", o.beta)
            }
            Method::Occlusion(o) => {
                check.that(o.window > 0, "window", "at least 1", o.window)?;
                let expected = "at least 1 and no larger than the input's shorter side";
                check.that(o.window <= shorter, "window", expected, o.window)?;
                // With a larger one some pixels would be under no window.
                let fits = (1..=o.window).contains(&o.stride);
                let expected = "at least 1 and no larger than the window";
                check.that(fits, "stride", expected, o.stride)
            }
            Method::Rise(o) => {
                check.count("masks", o.masks)?;
                check.that(o.cells > 0, "cells", "at least 1", o.cells)?;
                let expected = "at least 1 and no more than the pixels of the input's shorter side";
                check.that(o.cells <= shorter, "cells", expected, o.cells)?;
                let fits = o.keep > 0.0 && o.keep <= 1.0;
                check.that(fits, "keep", "above 0 and at most 1", o.keep)
            }
            Method::Lime(o) => {
                check.count("samples", o.samples)?;
                check.segments(o.segments)?;
                check.that(
                    o.kernel_width > 0.0,
                    "kernel_width",
                    "above 0",
                    o.kernel_width,
                )?;
                check.at_least_zero("ridge", o.ridge)
            }
            Method::KernelShap(o) => {
                check.count("samples", o.samples)?;
                check.segments(o.segments)
            }
            Method::FeatureAblation(o) => check.segments(o.segments),
            Method::Cam
            | Method::GradCam
            | Method::HiResCam
            | Method::LayerCam
            | Method::ElementWiseCam
            | Method::EigenCam(_)
            | Method::EigenGradCam(_)
            | Method::ScoreCam
            | Method::AblationCam
            | Method::GuidedGradCam
            | Method::FullGrad
            | Method::Gradient(_)
            | Method::InputTimesGradient
            | Method::GuidedBackpropagation(_)
            | Method::Deconvolution(_)
            | Method::DeepLift(_)
            | Method::AttentionRollout(_)
            | Method::GradientAttentionRollout => Ok(()),
        }
    }
}

/// The checks of the method with this name.
struct Check(&'static str);

impl Check {
    fn that(
        &self,
        fits: bool,
        option: &'static str,
        expected: &'static str,
        found: impl ToString,
    ) -> Result<()> {
        match fits {
            true => Ok(()),
            false => Err(Error::option(self.0, option, expected, found)),
        }
    }

    fn count(&self, option: &'static str, found: usize) -> Result<()> {
        let fits = (1..=COUNT).contains(&found);
        self.that(fits, option, "at least 1 and at most 1000000000", found)
    }

    fn segments(&self, found: usize) -> Result<()> {
        let fits = (1..=SEGMENTS).contains(&found);
        self.that(fits, "segments", "1 to 5000", found)
    }

    fn steps(&self, found: usize) -> Result<()> {
        let fits = (1..=STEPS).contains(&found);
        self.that(fits, "steps", "1 to 10000", found)
    }

    fn at_least_zero(&self, option: &'static str, found: f64) -> Result<()> {
        let fits = found >= 0.0 && found.is_finite();
        self.that(fits, option, "a number of at least 0", found)
    }

    fn finite(&self, option: &'static str, found: f64) -> Result<()> {
        self.that(found.is_finite(), option, "a finite number", found)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn defaults_mean_something_and_their_bounds_are_kept() {
        for method in Method::all() {
            method.check_options(None).unwrap();
        }
        for (name, option, value) in [
            ("smoothgrad", "samples", "0"),
            ("vargrad", "noise", "-1"),
            ("is-cam", "steps", "9223372036854775808"),
            ("ss-cam", "samples", "9223372036854775808"),
            ("occlusion", "stride", "33"),
            ("lime", "segments", "50176"),
            ("ss-cam", "sigma", "-0.5"),
            ("integrated-gradients", "steps", "18446744073709551615"),
            ("blur-ig", "sigma", "1e300"),
            ("blur-ig", "sigma", "-3"),
            ("shapley-cam", "step", "0"),
            ("lrp", "epsilon", "0"),
            ("grad-cam++", "epsilon", "-1"),
            ("xrai", "steps", "0"),
        ] {
            let set = [(option.to_string(), value.to_string())];
            let method = Method::with_options(name, &set).unwrap();
            let error = method.check_options(None).unwrap_err();
            let expected = format!("the option `{option}` of `{name}` must be ");
            assert!(error.to_string().starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn a_window_and_cells_fit_the_input() {
        for (name, option) in [("occlusion", "window"), ("rise", "cells")] {
            let with = |value: usize| {
                let set = [(option.to_string(), value.to_string())];
                let set = [&set[..], &[("stride".to_string(), "1".to_string())]].concat();
                let set = if name == "rise" { &set[..1] } else { &set };
                Method::with_options(name, set).unwrap()
            };
            for (value, input, fits) in [
                (28, Some((28, 40)), true),
                (29, Some((28, 40)), false),
                (29, Some((40, 28)), false),
                (29, None, true),
            ] {
                let found = with(value).check_options(input);
                assert_eq!(found.is_ok(), fits, "{name} {value} {input:?}");
            }
        }
        assert_eq!(Method::GradCam.baseline(), None);
        assert_eq!(
            "lime".parse::<Method>().unwrap().baseline(),
            Some(Baseline::Mean)
        );
    }
}
