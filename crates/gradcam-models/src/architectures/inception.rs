//! Inception v3 (Szegedy et al. 2016), with timm's paths.

use gradcam_nn::ops::{Activation, AvgPool2d, MaxPool2d, Padding};
use gradcam_nn::{Kind, Module, Weights};

use super::family::{Family, INCEPTION, Normalisation};
use crate::layers::{Conv, Result, conv_norm_act, global_pool, linear};

const EPS: f64 = 1e-3;

/// The only network of its family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InceptionV3;

impl Family for InceptionV3 {
    fn build(&self, w: &Weights, classes: usize) -> Result<Vec<Module>> {
        let pool = |name: &str| Module::new(w.path(name), Kind::MaxPool(MaxPool2d::new(3, 2, 0)));
        Ok(vec![
            basic(w, "Conv2d_1a_3x3", valid(3, 32).stride(2))?,
            basic(w, "Conv2d_2a_3x3", valid(32, 32))?,
            basic(w, "Conv2d_2b_3x3", Conv::new(32, 64, 3))?,
            pool("Pool1"),
            basic(w, "Conv2d_3b_1x1", Conv::new(64, 80, 1))?,
            basic(w, "Conv2d_4a_3x3", valid(80, 192))?,
            pool("Pool2"),
            block_a(&w.at("Mixed_5b"), 192, 32)?,
            block_a(&w.at("Mixed_5c"), 256, 64)?,
            block_a(&w.at("Mixed_5d"), 288, 64)?,
            block_b(&w.at("Mixed_6a"), 288)?,
            block_c(&w.at("Mixed_6b"), 768, 128)?,
            block_c(&w.at("Mixed_6c"), 768, 160)?,
            block_c(&w.at("Mixed_6d"), 768, 160)?,
            block_c(&w.at("Mixed_6e"), 768, 192)?,
            block_d(&w.at("Mixed_7a"), 768)?,
            block_e(&w.at("Mixed_7b"), 1280)?,
            block_e(&w.at("Mixed_7c"), 2048)?,
            global_pool(&w.at("global_pool")).also(w.path("head_drop")),
            linear(&w.at("fc"), 2048, classes)?,
        ])
    }

    /// Maps torchvision's names. `NAME.bn` keeps its name, although it is the output after the ReLU in this tree;
    /// `NAME.bn.drop` is the output before.
    fn from_torchvision(&self, module: &str) -> Option<String> {
        let path = match module {
            "maxpool1" => "Pool1",
            "maxpool2" => "Pool2",
            "avgpool" => "global_pool.pool",
            "dropout" => "head_drop",
            auxiliary if self.training_only(auxiliary) => return None,
            same => same,
        };
        Some(path.to_string())
    }

    /// Checks whether a module or parameter belongs to the auxiliary head, which only training uses.
    fn training_only(&self, name: &str) -> bool {
        name.split('.').next() == Some("AuxLogits")
    }

    /// Returns Inception's, to which torchvision rescales ImageNet's normalisation (`transform_input`).
    fn normalisation(&self, _: &str) -> Option<Normalisation> {
        Some(INCEPTION)
    }
}

/// Makes a 3×3 convolution without padding.
fn valid(inputs: usize, outputs: usize) -> Conv {
    Conv::new(inputs, outputs, 3).padding(Padding::all(0))
}

/// Makes a size-preserving convolution with a rectangular kernel.
fn sided(inputs: usize, outputs: usize, rows: usize, columns: usize) -> Conv {
    Conv::new(inputs, outputs, 1)
        .kernel(rows, columns)
        .padding(Padding::symmetric(rows / 2, columns / 2))
}

/// Builds timm's `ConvNormAct` under the child `name`: `conv`, `bn` with its activation, and the module itself.
fn basic(w: &Weights, name: &str, conv: Conv) -> Result<Module> {
    let w = w.at(name);
    let group = conv_norm_act(&w.at("conv"), conv, &w.at("bn"), EPS, Activation::Relu)?;
    Ok(group.also(w.prefix()))
}

/// Builds a sequence of convolutions.
fn branch<const N: usize>(w: &Weights, parts: [(&str, Conv); N]) -> Result<Module> {
    let modules = parts
        .into_iter()
        .map(|(name, conv)| basic(w, name, conv))
        .collect::<Result<_>>()?;
    Ok(Module::unnamed(Kind::Sequence(modules)))
}

/// Builds a sequence of convolutions, then two in parallel.
fn fork<const N: usize>(
    w: &Weights,
    parts: [(&str, Conv); N],
    sides: [(&str, Conv); 2],
) -> Result<Module> {
    let [(left, left_conv), (right, right_conv)] = sides;
    let sides = vec![basic(w, left, left_conv)?, basic(w, right, right_conv)?];
    let modules = vec![branch(w, parts)?, Module::unnamed(Kind::Concat(sides))];
    Ok(Module::unnamed(Kind::Sequence(modules)))
}

/// Builds an average pooling that counts its padding (a function call in the original), then `branch_pool`.
fn pooled(w: &Weights, inputs: usize, outputs: usize) -> Result<Module> {
    let modules = vec![
        Module::unnamed(Kind::AvgPool(AvgPool2d::new(3, 1, 1))),
        basic(w, "branch_pool", Conv::new(inputs, outputs, 1))?,
    ];
    Ok(Module::unnamed(Kind::Sequence(modules)))
}

/// Makes the max pooling that halves the map's sides (a function call in the original).
fn halved() -> Module {
    Module::unnamed(Kind::MaxPool(MaxPool2d::new(3, 2, 0)))
}

fn mixed(w: &Weights, branches: Vec<Module>) -> Result<Module> {
    Ok(Module::new(w.prefix(), Kind::Concat(branches)))
}

/// Builds figure 5 of the paper, with one 5×5 kernel kept.
fn block_a(w: &Weights, inputs: usize, outputs: usize) -> Result<Module> {
    let five = [
        ("branch5x5_1", Conv::new(inputs, 48, 1)),
        ("branch5x5_2", Conv::new(48, 64, 5)),
    ];
    let double = [
        ("branch3x3dbl_1", Conv::new(inputs, 64, 1)),
        ("branch3x3dbl_2", Conv::new(64, 96, 3)),
        ("branch3x3dbl_3", Conv::new(96, 96, 3)),
    ];
    let branches = vec![
        basic(w, "branch1x1", Conv::new(inputs, 64, 1))?,
        branch(w, five)?,
        branch(w, double)?,
        pooled(w, inputs, outputs)?,
    ];
    mixed(w, branches)
}

/// Builds the block that halves the map's sides (figure 10).
fn block_b(w: &Weights, inputs: usize) -> Result<Module> {
    let double = [
        ("branch3x3dbl_1", Conv::new(inputs, 64, 1)),
        ("branch3x3dbl_2", Conv::new(64, 96, 3)),
        ("branch3x3dbl_3", valid(96, 96).stride(2)),
    ];
    let branches = vec![
        basic(w, "branch3x3", valid(inputs, 384).stride(2))?,
        branch(w, double)?,
        halved(),
    ];
    mixed(w, branches)
}

/// Builds 7×7 kernels as 1×7 and 7×1 (figure 6).
fn block_c(w: &Weights, inputs: usize, inner: usize) -> Result<Module> {
    let single = [
        ("branch7x7_1", Conv::new(inputs, inner, 1)),
        ("branch7x7_2", sided(inner, inner, 1, 7)),
        ("branch7x7_3", sided(inner, 192, 7, 1)),
    ];
    let double = [
        ("branch7x7dbl_1", Conv::new(inputs, inner, 1)),
        ("branch7x7dbl_2", sided(inner, inner, 7, 1)),
        ("branch7x7dbl_3", sided(inner, inner, 1, 7)),
        ("branch7x7dbl_4", sided(inner, inner, 7, 1)),
        ("branch7x7dbl_5", sided(inner, 192, 1, 7)),
    ];
    let branches = vec![
        basic(w, "branch1x1", Conv::new(inputs, 192, 1))?,
        branch(w, single)?,
        branch(w, double)?,
        pooled(w, inputs, 192)?,
    ];
    mixed(w, branches)
}

/// Builds the block that halves the map's sides again.
fn block_d(w: &Weights, inputs: usize) -> Result<Module> {
    let three = [
        ("branch3x3_1", Conv::new(inputs, 192, 1)),
        ("branch3x3_2", valid(192, 320).stride(2)),
    ];
    let seven = [
        ("branch7x7x3_1", Conv::new(inputs, 192, 1)),
        ("branch7x7x3_2", sided(192, 192, 1, 7)),
        ("branch7x7x3_3", sided(192, 192, 7, 1)),
        ("branch7x7x3_4", valid(192, 192).stride(2)),
    ];
    let branches = vec![branch(w, three)?, branch(w, seven)?, halved()];
    mixed(w, branches)
}

/// Builds the wide block on the smallest map (figure 7).
fn block_e(w: &Weights, inputs: usize) -> Result<Module> {
    let single = fork(
        w,
        [("branch3x3_1", Conv::new(inputs, 384, 1))],
        [
            ("branch3x3_2a", sided(384, 384, 1, 3)),
            ("branch3x3_2b", sided(384, 384, 3, 1)),
        ],
    )?;
    let double = fork(
        w,
        [
            ("branch3x3dbl_1", Conv::new(inputs, 448, 1)),
            ("branch3x3dbl_2", Conv::new(448, 384, 3)),
        ],
        [
            ("branch3x3dbl_3a", sided(384, 384, 1, 3)),
            ("branch3x3dbl_3b", sided(384, 384, 3, 1)),
        ],
    )?;
    let branches = vec![
        basic(w, "branch1x1", Conv::new(inputs, 320, 1))?,
        single,
        double,
        pooled(w, inputs, 192)?,
    ];
    mixed(w, branches)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::architectures::tests::{logits, parameter_count};

    #[test]
    fn parameters_are_the_published_ones() {
        // 27 161 264 with the auxiliary head.
        assert_eq!(parameter_count(|w| InceptionV3.build(w, 1000)), 23_834_568);
    }

    #[test]
    fn small_pictures_run() {
        let w = Weights::random(1);
        let modules = InceptionV3.build(&w, 3).unwrap();
        logits(&modules, &w, (80, 97), 3);
    }

    #[test]
    fn torchvision_poolings_have_timms_names() {
        let renamed = |module| InceptionV3.from_torchvision(module);
        assert_eq!(renamed("maxpool1").as_deref(), Some("Pool1"));
        assert_eq!(renamed("Mixed_7c").as_deref(), Some("Mixed_7c"));
        assert_eq!(renamed("AuxLogits.conv0.bn"), None);
    }
}
