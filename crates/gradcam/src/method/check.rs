//! Which values of the options mean something.

use super::Method;
use crate::{Error, Result};

/// Gauss-Legendre points that are found in a moment.
const STEPS: usize = 10_000;
/// Pixels: a blur this wide leaves one colour of any picture that a network takes.
const SIGMA: f64 = 1000.0;

impl Method {
    /// Refuses a value that means nothing. What depends on the image or the network is for the methods themselves to tell.
    ///
    /// # Errors
    /// For the first such option.
    pub(crate) fn check(&self) -> Result<()> {
        let check = Check(self.name());
        match self {
            Method::GradCamPlusPlus(o) => check.at_least_zero("epsilon", o.epsilon),
            Method::XGradCam(o) => check.at_least_zero("epsilon", o.epsilon),
            Method::SmoothGradCamPlusPlus(o) => {
                check.at_least_one("samples", o.samples)?;
                check.at_least_zero("noise", o.noise)
            }
            Method::Fem(o) => check.finite("sigmas", o.sigmas),
            Method::SsCam(o) => {
                check.at_least_one("samples", o.samples)?;
                check.at_least_zero("sigma", o.sigma)
            }
            Method::IsCam(o) => check.at_least_one("steps", o.steps),
            Method::FinerCam(o) => {
                check.at_least_one("references", o.references)?;
                check.finite("gamma", o.gamma)
            }
            Method::ShapleyCam(o) => {
                let fits = o.step > 0.0 && o.step < 1.0;
                check.that(fits, "step", "above 0 and below 1", o.step)
            }
            Method::SmoothGrad(o) | Method::VarGrad(o) | Method::SmoothGradGradCam(o) => {
                check.at_least_one("samples", o.samples)?;
                check.at_least_zero("noise", o.noise)
            }
            Method::IntegratedGradients(o) => check.steps(o.steps),
            Method::SmoothIntegratedGradients(o) => {
                check.steps(o.steps)?;
                check.at_least_one("samples", o.samples)?;
                check.at_least_zero("noise", o.noise)
            }
            Method::ExpectedGradients(o) => check.at_least_one("samples", o.samples),
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
            _ => Ok(()),
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

    fn at_least_one(&self, option: &'static str, found: usize) -> Result<()> {
        self.that(found > 0, option, "at least 1", found)
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
            method.check().unwrap();
        }
        for (name, option, value) in [
            ("smoothgrad", "samples", "0"),
            ("vargrad", "noise", "-1"),
            ("is-cam", "steps", "0"),
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
            let error = Method::with_options(name, &set)
                .unwrap()
                .check()
                .unwrap_err();
            let expected = format!("the option `{option}` of `{name}` must be ");
            assert!(error.to_string().starts_with(&expected), "{error}");
        }
    }
}
