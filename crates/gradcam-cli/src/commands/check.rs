//! `gradcam check`.

mod row;
mod subject;
mod sums;

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use gradcam::{Explainer, Grid, Heatmap, Interpolation, Size, Target, audit_gradient_by};
use gradcam_models::Model;
use gradcam_models::picture::Limits;
use gradcam_models::preprocess::Fit;
use gradcam_random::Random;

use self::row::Row;
use self::subject::Subject;
use self::sums::SUMS;
use crate::args::Check;
use crate::asked::explainers::inputs_of;
use crate::asked::layers::layers;
use crate::asked::model;
use crate::console::{Console, Unit};
use crate::exit::Exit;
use crate::gradient::{self, DEVIATION};
use crate::inputs;
use crate::reading::{self, Reading};

pub(crate) fn run(args: &Check, console: &mut Console<'_>) -> Result<Exit> {
    let (name, arch) = (&args.network.model, args.network.arch.as_deref());
    let model = model::load(name, arch, &args.network.graph, &Device::Cpu, console)?;
    let layers = layers(args.layer.as_slice(), name, &model)?;
    let image = image(args, &model, console)?;
    let exact = gradient::exact(&model)?;
    let subject = Subject {
        network: &model.network,
        exact: &exact.network,
        exact_image: image.to_dtype(DType::F64)?,
        image,
        inputs: inputs_of(&model.preprocess),
    };
    let bar = console.bar(CHECKS, Unit::Checks);
    let mut rows = Vec::new();
    for layer in &layers {
        bar.set_message("finite differences");
        let units = usize::try_from(args.units)?;
        rows.push(gradient(&subject, layer, units, args.seed)?);
        bar.inc(1);
        bar.set_message("the same bytes");
        rows.extend(determinism(&subject, layer)?);
        bar.inc(1);
    }
    for sum in &SUMS {
        bar.set_message(sum.method);
        rows.push(sum.row(&subject));
        bar.inc(1);
    }
    bar.finish_and_clear();
    if !args.json {
        console.line(format!("{:<44} {:>10} {:>10}", "check", "found", "limit"))?;
    }
    for row in &rows {
        if args.json {
            console.line(serde_json::to_string(row)?)?;
            continue;
        }
        let line = format!(
            "{:<44} {:>10.2e} {:>10.0e}  {:<11}  {}",
            row.check,
            row.found,
            row.limit,
            row.verdict(),
            row.note
        );
        console.line(line.trim_end())?;
    }
    if rows.iter().any(|row| row.passes == Some(false)) {
        Ok(Exit::Failed)
    } else {
        Ok(Exit::Done)
    }
}

const CHECKS: u64 = 2 + SUMS.len() as u64;

/// Returns the named picture, or a smooth one of random colours: on pure noise even the integral of the gradient would converge slowly.
fn image(args: &Check, model: &Model, console: &mut Console<'_>) -> Result<Tensor> {
    if let Some(name) = &args.image {
        let found = inputs::resolve(std::slice::from_ref(name))?;
        let input = found.first().context("there is no such picture")?;
        let reading = Reading {
            preprocess: &model.preprocess,
            fit: Fit::Crop,
            limits: Limits::default(),
            pictures: args.pictures,
            device: &Device::Cpu,
            dtype: DType::F32,
        };
        return Ok(reading::load(input, &reading, console)?
            .tensor
            .unsqueeze(0)?);
    }
    let inputs = inputs_of(&model.preprocess);
    let (channels, height, width) = model::shape(model);
    // A colour for each of eight by eight squares, interpolated between them.
    let mut random = Random::new(args.seed, 0);
    let mut values = Vec::with_capacity(3 * height * width);
    for (&black, &white) in inputs.black.iter().zip(&inputs.white) {
        let squares = Grid::from_fn(Size::new(8, 8)?, |_| {
            black + (white - black) * random.level()
        });
        let enlarged = Interpolation::Bilinear.resize(&squares, Size::new(height, width)?);
        values.extend(enlarged.into_values());
    }
    Ok(Tensor::from_vec(
        values,
        (1, channels, height, width),
        &Device::Cpu,
    )?)
}

/// Compares the gradient of the network as used with differences of the exact one.
fn gradient(subject: &Subject<'_>, layer: &str, units: usize, seed: u64) -> Result<Row> {
    let audit = audit_gradient_by(
        (subject.network, &subject.image),
        (subject.exact, &subject.exact_image),
        layer,
        &Target::Top(0),
        units,
        seed,
    )?;
    let note = format!(
        "{} units of {layer}, {} more at kinks",
        audit.units, audit.kinks
    );
    let row = Row::new(
        "gradient against finite differences",
        audit.deviation,
        DEVIATION,
        note,
    );
    Ok(match (audit.units, audit.kinks) {
        (0, 0) => row.cannot_tell(format!(
            "the gradient at {layer} is lost in the rounding of the score"
        )),
        (0, kinks) => row.cannot_tell(format!("all {kinks} units of {layer} lie at kinks")),
        _ => row,
    })
}

/// Computes Grad-CAM's map again, on one thread, and in a batch.
fn determinism(subject: &Subject<'_>, layer: &str) -> Result<Vec<Row>> {
    let (network, image) = (subject.network, &subject.image);
    let explainer = Explainer::default().at(layer);
    let targets = vec![vec![Target::Top(0)]];
    let first = explainer.explain(network, image, &targets)?;
    let again = explainer.explain(network, image, &targets)?;
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()?
        .install(|| explainer.explain(network, image, &targets))?;
    let batch = Tensor::cat(&[image, image, image], 0)?;
    let many = explainer.explain(network, &batch, &vec![vec![Target::Top(0)]; 3])?;
    let bits = |maps: &[Vec<Heatmap>]| -> Vec<Vec<u32>> {
        let maps = maps.iter().flatten();
        maps.map(|map| map.raw().values().iter().map(|v| v.to_bits()).collect())
            .collect()
    };
    let expected = bits(&first);
    let differ = |found: Vec<Vec<Heatmap>>| {
        bits(&found)
            .iter()
            .filter(|map| **map != expected[0])
            .count() as f64
    };
    Ok(vec![
        Row::new("maps that differ when repeated", differ(again), 0.0, ""),
        Row::new("maps that differ on one thread", differ(one), 0.0, ""),
        Row::new("maps that differ in a batch", differ(many), 0.0, ""),
    ])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{CpuStorage, CustomOp1, Layout, Shape};
    use gradcam::Inputs;
    use gradcam_nn::{Network, Pass, Weights};

    use super::*;

    /// The square, with a derivative that is wrong by a factor.
    struct Square(f64);

    impl CustomOp1 for Square {
        fn name(&self) -> &'static str {
            "square"
        }
        fn cpu_fwd(
            &self,
            x: &CpuStorage,
            layout: &Layout,
        ) -> candle_core::Result<(CpuStorage, Shape)> {
            let (start, end) = layout.contiguous_offsets().unwrap();
            let squares = match x {
                CpuStorage::F64(x) => {
                    CpuStorage::F64(x[start..end].iter().map(|v| v * v).collect())
                }
                x => {
                    let x = &x.as_slice::<f32>()?[start..end];
                    CpuStorage::F32(x.iter().map(|v| v * v).collect())
                }
            };
            Ok((squares, layout.shape().clone()))
        }
        fn bwd(
            &self,
            x: &Tensor,
            _: &Tensor,
            grad: &Tensor,
        ) -> candle_core::Result<Option<Tensor>> {
            Ok(Some(((grad * x)? * (2.0 * self.0))?))
        }
    }

    /// The mean of the squares, with a derivative that is wrong by `factor`, and a class that is always 1; both times `size`.
    struct Squares {
        factor: f64,
        size: f64,
    }

    impl Network for Squares {
        fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
            let x = pass.tap("maps", x.clone())?;
            let squares = x.contiguous()?.apply_op1(Square(self.factor))?;
            let score = (squares.mean((1, 2, 3))? * self.size)?.reshape(((), 1))?;
            Tensor::cat(&[&(&score + 2.0)?, &score.ones_like()?], 1)
        }
    }

    fn picture(side: usize, dtype: DType) -> Tensor {
        let values = (0..3 * side * side).map(|i| (i as f32 * 0.37).sin());
        let values = Tensor::from_iter(values, &Device::Cpu).unwrap();
        let values = values.reshape((1, 3, side, side)).unwrap();
        values.to_dtype(dtype).unwrap()
    }

    /// Returns the verdicts on a network, each with its check.
    fn verdicts(
        network: &dyn Network,
        exact: &dyn Network,
        layer: &str,
        side: usize,
    ) -> Vec<(String, &'static str)> {
        let subject = Subject {
            network,
            exact,
            image: picture(side, DType::F32),
            exact_image: picture(side, DType::F64),
            inputs: Inputs::default(),
        };
        let mut rows = vec![gradient(&subject, layer, 16, 0).unwrap()];
        rows.extend(SUMS.iter().map(|sum| sum.row(&subject)));
        rows.iter()
            .map(|row| (format!("{row:?}"), row.verdict()))
            .collect()
    }

    #[test]
    fn a_wrong_gradient_fails_and_a_right_one_does_not() {
        let found = |factor: f64, size: f64| {
            let network = Squares { factor, size };
            let rows = verdicts(&network, &network, "maps", 8);
            // The gradient and its integral; the other methods need a network whose operations go through the pass.
            rows.into_iter()
                .map(|(_, verdict)| verdict)
                .collect::<Vec<_>>()
        };
        let rest = ["cannot tell"; 2];
        let expect = |gradient, integral| [&[gradient, rest[0], integral][..], &rest].concat();
        assert_eq!(found(1.0, 1.0), expect("ok", "ok"));
        assert_eq!(found(1.05, 1.0), expect("FAILS", "FAILS"));
        assert_eq!(found(2.0, 1.0), expect("FAILS", "FAILS"));
        // A gradient that is silently cut.
        assert_eq!(found(0.0, 1.0), expect("FAILS", "FAILS"));
        // A score that hardly depends on the picture, and one that does not: there is nothing to add up.
        assert_eq!(found(1.0, 1e-15), expect("cannot tell", "ok"));
        assert_eq!(found(1.0, 0.0), expect("cannot tell", "ok"));
    }

    #[test]
    fn right_networks_do_not_fail() {
        for (name, layer, side) in [
            ("vit_tiny_patch16_224", "blocks.11.norm1", 64),
            ("resnet18", "layer4", 64),
        ] {
            let architecture = gradcam_models::architectures::find(name).unwrap();
            let skeleton = Weights::skeleton();
            architecture.build(&skeleton, 10).unwrap();
            let random = Weights::random(0);
            let network = |dtype: DType| {
                let parameters = skeleton.requested().into_iter().map(|(name, shape)| {
                    let parameter = random.get(&name, &shape).unwrap();
                    (name, parameter.to_dtype(dtype).unwrap())
                });
                let weights = Weights::from_tensors(parameters.collect());
                architecture.build(&weights, 10).unwrap()
            };
            for (row, verdict) in verdicts(&network(DType::F32), &network(DType::F64), layer, side)
            {
                assert_ne!(verdict, "FAILS", "{name}: {row}");
            }
        }
    }
}
