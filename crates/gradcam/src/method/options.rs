//! The options of each method, with their defaults.

use serde::{Deserialize, Serialize};

use crate::Baseline;
#[cfg(doc)]
use crate::Method;

/// How the colours of a pixel become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channels {
    /// The largest absolute value (Simonyan et al. 2013, section 3.1).
    #[default]
    MaxAbs,
    /// The sum, with signs.
    Sum,
    /// The sum of absolute values.
    SumAbs,
    /// The square root of the sum of squares.
    Norm,
}

/// What layer-wise relevance propagation does at convolutions and fully connected layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LrpRule {
    /// z⁺ at convolutions, ε at fully connected layers, and the flat rule at the first layer (Kohlbrenner et al. 2020).
    #[default]
    EpsilonPlusFlat,
    /// ε everywhere (Bach et al. 2015, eq. 58).
    Epsilon,
    /// γ everywhere (Montavon et al. 2019).
    Gamma,
    /// αβ everywhere (Bach et al. 2015, eq. 60).
    AlphaBeta,
    /// z⁺ everywhere (Montavon et al. 2017).
    ZPlus,
}

/// Options of [`Method::GradCamPlusPlus`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradCamPlusPlus {
    /// Added to the denominator `2g² + g³ ΣA` of the weights. Equation 19 has none; pytorch-grad-cam adds 1e-6, which decides the map where
    /// gradients are of the order of 1e-3 or less.
    pub epsilon: f64,
}

/// Options of [`Method::SmoothGradCamPlusPlus`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmoothGradCamPlusPlus {
    /// Noisy copies.
    pub samples: usize,
    /// The noise's standard deviation as a share of the image's range.
    pub noise: f64,
    /// Of the noise (ChaCha8).
    pub seed: u64,
}

impl Default for SmoothGradCamPlusPlus {
    /// 25 noisy copies with a standard deviation of 0.3 of the image's range.
    fn default() -> Self {
        SmoothGradCamPlusPlus {
            samples: 25,
            noise: 0.3,
            seed: 0,
        }
    }
}

/// Options of [`Method::XGradCam`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct XGradCam {
    /// Added to the sum of a channel's activations. The paper has none, and a channel without activation weighs nothing here;
    /// pytorch-grad-cam adds 1e-7.
    pub epsilon: f64,
}

/// Options of [`Method::EigenCam`] and [`Method::EigenGradCam`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EigenCam {
    /// Whether each channel's mean is taken off first: pytorch-grad-cam does so, the paper does not.
    pub centered: bool,
}

/// Options of [`Method::Fem`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fem {
    /// Standard deviations above its mean from which on a channel counts as firing.
    pub sigmas: f64,
}

impl Default for Fem {
    /// Two standard deviations, as in the paper.
    fn default() -> Self {
        Fem { sigmas: 2.0 }
    }
}

/// Options of [`Method::SsCam`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SsCam {
    /// Noisy masks for each channel.
    pub samples: usize,
    /// The noise's standard deviation, in the units of the activation; torch-cam adds it to the stretched mask.
    pub sigma: f64,
    /// Of the noise (ChaCha8).
    pub seed: u64,
}

impl Default for SsCam {
    /// 10 noisy masks with a standard deviation of 2; the paper takes 35.
    fn default() -> Self {
        SsCam {
            samples: 10,
            sigma: 2.0,
            seed: 0,
        }
    }
}

/// Options of [`Method::IsCam`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IsCam {
    /// Steps in which a mask fades in.
    pub steps: usize,
}

impl Default for IsCam {
    /// 10 steps, as in the paper.
    fn default() -> Self {
        IsCam { steps: 10 }
    }
}

/// Options of [`Method::FinerCam`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FinerCam {
    /// Classes that the target is compared with: those with the nearest logits.
    pub references: usize,
    /// The share of their mean score that is taken off.
    pub gamma: f64,
}

impl Default for FinerCam {
    /// The three nearest classes, at 0.6.
    fn default() -> Self {
        FinerCam {
            references: 3,
            gamma: 0.6,
        }
    }
}

/// Options of [`Method::ShapleyCam`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShapleyCam {
    /// Explains `y + log p` instead of the logit `y` (ReST). At a piecewise linear head the logit has no second derivative, and the method
    /// is Grad-CAM without it.
    pub residual_softmax: bool,
    /// Half of the finite difference along the activation, as a share of it.
    pub step: f64,
}

impl Default for ShapleyCam {
    /// With the residual softmax.
    fn default() -> Self {
        ShapleyCam {
            residual_softmax: true,
            step: 1e-3,
        }
    }
}

/// Options of [`Method::Gradient`], [`Method::GuidedBackpropagation`] and [`Method::Deconvolution`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gradient {
    /// How the colours of a pixel become one number.
    pub channels: Channels,
}

/// Options of [`Method::SmoothGrad`], [`Method::VarGrad`] and [`Method::SmoothGradGradCam`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmoothGrad {
    /// Noisy copies.
    pub samples: usize,
    /// The noise's standard deviation as a share of the image's range.
    pub noise: f64,
    /// How the colours of a pixel become one number.
    pub channels: Channels,
    /// Of the noise (ChaCha8).
    pub seed: u64,
}

impl Default for SmoothGrad {
    /// 50 noisy copies with a standard deviation of 0.15 of the image's range.
    fn default() -> Self {
        SmoothGrad {
            samples: 50,
            noise: 0.15,
            channels: Channels::default(),
            seed: 0,
        }
    }
}

/// Options of [`Method::IntegratedGradients`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntegratedGradients {
    /// Points of the Gauss-Legendre quadrature.
    pub steps: usize,
    /// Where the way begins.
    pub baseline: Baseline,
    /// Of a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Default for IntegratedGradients {
    /// 50 points from black.
    fn default() -> Self {
        IntegratedGradients {
            steps: 50,
            baseline: Baseline::default(),
            seed: 0,
        }
    }
}

/// Options of [`Method::SmoothIntegratedGradients`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmoothIntegratedGradients {
    /// Points of the Gauss-Legendre quadrature.
    pub steps: usize,
    /// Noisy copies.
    pub samples: usize,
    /// The noise's standard deviation as a share of the image's range.
    pub noise: f64,
    /// Where the way begins.
    pub baseline: Baseline,
    /// Of the noise and of a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Default for SmoothIntegratedGradients {
    /// 10 noisy copies, 20 points each, from black.
    fn default() -> Self {
        SmoothIntegratedGradients {
            steps: 20,
            samples: 10,
            noise: 0.15,
            baseline: Baseline::default(),
            seed: 0,
        }
    }
}

/// Options of [`Method::ExpectedGradients`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpectedGradients {
    /// Draws of a baseline and of a point on the way. Baselines are the background's pictures; without a background, pictures of one colour.
    pub samples: usize,
    /// Of the draws (ChaCha8).
    pub seed: u64,
}

impl Default for ExpectedGradients {
    /// 100 draws.
    fn default() -> Self {
        ExpectedGradients {
            samples: 100,
            seed: 0,
        }
    }
}

/// Options of [`Method::BlurIntegratedGradients`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlurIntegratedGradients {
    /// Steps between the strongest blur and none.
    pub steps: usize,
    /// Standard deviation of the strongest blur in pixels.
    pub sigma: f64,
}

impl Default for BlurIntegratedGradients {
    /// 100 steps from a standard deviation of 50 pixels, as in the authors' package.
    fn default() -> Self {
        BlurIntegratedGradients {
            steps: 100,
            sigma: 50.0,
        }
    }
}

/// Options of [`Method::Xrai`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Xrai {
    /// Points of the Gauss-Legendre quadrature, for each of the two baselines.
    pub steps: usize,
}

impl Default for Xrai {
    /// Integrated gradients of 50 points from black and from white.
    fn default() -> Self {
        Xrai { steps: 50 }
    }
}

/// Options of [`Method::DeepLift`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeepLift {
    /// What the image is compared with.
    pub baseline: Baseline,
    /// Of a uniform baseline (ChaCha8).
    pub seed: u64,
}

/// Options of [`Method::Lrp`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lrp {
    /// What is done at convolutions and fully connected layers.
    pub rule: LrpRule,
    /// Added to a denominator, with its sign.
    pub epsilon: f64,
    /// How much more positive weights count by the γ rule.
    pub gamma: f64,
    /// Factor of the positive part by the αβ rule; `alpha - beta` is 1 where relevance is to be conserved.
    pub alpha: f64,
    /// Factor of the negative part by the αβ rule.
    pub beta: f64,
    /// Whether biases take part. Without them all relevance reaches the pixels (zennit's `zero_params="bias"`).
    pub biases: bool,
}

impl Default for Lrp {
    /// The composite rule, with ε = 1e-6, γ = 0.25, α = 2, β = 1.
    fn default() -> Self {
        Lrp {
            rule: LrpRule::default(),
            epsilon: 1e-6,
            gamma: 0.25,
            alpha: 2.0,
            beta: 1.0,
            biases: true,
        }
    }
}

/// Options of [`Method::Occlusion`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Occlusion {
    /// Side of the square window in pixels of the network's input, no larger than its shorter side.
    pub window: usize,
    /// Pixels from one position to the next, no more than the window has.
    pub stride: usize,
    /// What the window shows.
    pub baseline: Baseline,
    /// Of a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Default for Occlusion {
    /// A window of 32 pixels at every 16th, filled with the data set's mean.
    fn default() -> Self {
        Occlusion {
            window: 32,
            stride: 16,
            baseline: Baseline::Mean,
            seed: 0,
        }
    }
}

/// Options of [`Method::Rise`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rise {
    /// Masks, each with a forward.
    pub masks: usize,
    /// Cells of a mask along each side, before it is enlarged and shifted.
    pub cells: usize,
    /// The probability that a cell is open, above 0.
    pub keep: f64,
    /// Whether the mean score is taken off each score first. Equation 6 does not, and gives a high plain with little relief on it: the mean
    /// score, everywhere, with the unevenness of the masks. Without it 0 means no influence, and the order of the pixels is the same up to
    /// that unevenness.
    pub centered: bool,
    /// Whether the score of a class is its probability, as in the paper. `false` takes the number itself, for outputs that are no logits of a
    /// softmax: those of [`Dense`](crate::Dense), sums over many pixels, would saturate it. Outputs that are a softmax already are taken as
    /// they are.
    pub probability: bool,
    /// What a mask hides takes its values from here.
    pub baseline: Baseline,
    /// Of the masks and a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Default for Rise {
    /// 4,000 masks of 7 × 7 cells, half of them open.
    fn default() -> Self {
        Rise {
            masks: 4000,
            cells: 7,
            keep: 0.5,
            centered: true,
            probability: true,
            baseline: Baseline::Mean,
            seed: 0,
        }
    }
}

/// Options of [`Method::Lime`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lime {
    /// Forwards.
    pub samples: usize,
    /// Superpixels asked for (SLIC).
    pub segments: usize,
    /// Width of the kernel on the cosine distance.
    pub kernel_width: f64,
    /// The penalty on squared coefficients.
    pub ridge: f64,
    /// What stands for a superpixel that is away.
    pub baseline: Baseline,
    /// Of the samples and a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Default for Lime {
    /// 1,000 samples of 50 superpixels.
    fn default() -> Self {
        Lime {
            samples: 1000,
            segments: 50,
            kernel_width: 0.25,
            ridge: 1.0,
            baseline: Baseline::Mean,
            seed: 0,
        }
    }
}

/// Options of [`Method::KernelShap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KernelShap {
    /// Forwards, that of the baseline among them; where they suffice for all coalitions, each is taken once and the values are exact.
    pub samples: usize,
    /// Superpixels asked for (SLIC).
    pub segments: usize,
    /// What stands for a superpixel that is away.
    pub baseline: Baseline,
    /// Of the samples and a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Default for KernelShap {
    /// 1,000 samples of 50 superpixels.
    fn default() -> Self {
        KernelShap {
            samples: 1000,
            segments: 50,
            baseline: Baseline::Mean,
            seed: 0,
        }
    }
}

/// Options of [`Method::FeatureAblation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureAblation {
    /// Superpixels asked for (SLIC).
    pub segments: usize,
    /// What stands for a superpixel that is away.
    pub baseline: Baseline,
    /// Of a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Default for FeatureAblation {
    /// 50 superpixels.
    fn default() -> Self {
        FeatureAblation {
            segments: 50,
            baseline: Baseline::Mean,
            seed: 0,
        }
    }
}

/// How the attention of several heads becomes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heads {
    /// The mean, as in the paper.
    #[default]
    Mean,
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

/// Options of [`Method::AttentionRollout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttentionRollout {
    /// How the heads of a block are fused.
    pub heads: Heads,
}
