//! Torchvision's names of the modules that [`mbconv`](super::mbconv) builds.

use super::mbconv::{Block, Form, Numbering, Trunk};

impl Trunk {
    /// Maps torchvision's `features.PATH` to this tree's path; `head` maps the modules after the last block.
    pub(crate) fn torchvision_module(
        &self,
        path: &[&str],
        head: impl Fn(&[&str]) -> Option<String>,
    ) -> Option<String> {
        let numbering = self.torchvision?;
        let (first, rest) = path.split_first()?;
        let Some(position) = first.parse::<usize>().ok()?.checked_sub(1) else {
            return unit(("conv_stem", "bn1"), rest);
        };
        let stages = self.blocks();
        match numbering {
            Numbering::Staged => match (stages.get(position), rest.split_first()) {
                (None, _) if position == stages.len() => head(rest),
                (None, _) => None,
                (Some(_), None) => Some(format!("blocks.{position}")),
                (Some(stage), Some((index, rest))) => {
                    let index: usize = index.parse().ok()?;
                    inside(position, index, stage.get(index)?, rest)
                }
            },
            Numbering::Flat => {
                let mut index = position;
                for (stage, blocks) in stages.iter().enumerate() {
                    if let Some(block) = blocks.get(index) {
                        return inside(stage, index, block, rest);
                    }
                    index -= blocks.len();
                }
                (index == 0).then(|| head(rest))?
            }
        }
    }
}

/// Maps a module of a block.
fn inside(stage: usize, index: usize, block: &Block, rest: &[&str]) -> Option<String> {
    let path = format!("blocks.{stage}.{index}");
    if rest.is_empty() {
        return Some(path);
    }
    Some(format!("{path}.{}", block.torchvision_module(rest)?))
}

impl Block {
    fn torchvision_module(&self, path: &[&str]) -> Option<String> {
        let names = self.form.names();
        let (&project, inner) = names.split_last()?;
        if self.form == Form::Pointwise {
            return unit(project, path);
        }
        let (number, rest) = match path {
            ["stochastic_depth"] => return Some("drop_path".into()),
            ["block" | "conv"] => return Some(project.1.into()),
            ["block" | "conv", number, rest @ ..] => (number.parse::<usize>().ok()?, rest),
            _ => return None,
        };
        if let Some(&names) = inner.get(number) {
            return unit(names, rest);
        }
        // The modules after the depthwise convolution: MobileNet v2 (`conv`) lists the projection and its norm separately.
        let names = match (path[0], self.squeezed, number - inner.len(), rest) {
            ("block", Some(_), 0, rest) => return excitation(rest),
            ("block", Some(_), 1, rest) | ("block", None, 0, rest) => (project, rest),
            ("conv", None, 0, []) => (project, &["0"][..]),
            ("conv", None, 1, []) => (project, &[][..]),
            _ => return None,
        };
        match names {
            ((_, norm), [] | ["1"]) => Some(norm.into()),
            ((conv, _), ["0"]) => Some(conv.into()),
            _ => None,
        }
    }
}

/// Maps a convolution, its norm and its activation: `0`, `1` and `2` of torchvision's `Conv2dNormActivation`.
pub(crate) fn unit((conv, norm): (&str, &str), path: &[&str]) -> Option<String> {
    match path {
        [] => Some(norm.into()),
        ["0"] => Some(conv.into()),
        // timm's norm includes the activation. Before the activation, `drop` passes on the norm's result.
        ["1"] => Some(format!("{norm}.drop")),
        ["2"] => Some(format!("{norm}.act")),
        _ => None,
    }
}

/// Maps a module of torchvision's `SqueezeExcitation`.
fn excitation(path: &[&str]) -> Option<String> {
    let name = match path {
        [] => "se",
        ["fc1"] => "se.conv_reduce",
        ["activation"] => "se.act1",
        ["fc2"] => "se.conv_expand",
        ["scale_activation"] => "se.gate",
        _ => return None,
    };
    Some(name.into())
}

/// Maps torchvision's parameter `name` to this tree's, with `module` for the modules.
pub(crate) fn parameter(name: &str, module: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (path, leaf) = name.rsplit_once('.')?;
    let path = module(path)?;
    let path = path.strip_suffix(".drop").unwrap_or(&path);
    Some(format!("{path}.{leaf}"))
}
