//! Measures two methods on one image, beside uninformed maps.
#![allow(clippy::print_stdout)]

use gradcam_eval::Metric;
use gradcam_eval::candle_core::{Device, Result, Tensor};
use gradcam_eval::evaluate::{Item, Null, Study, measure};
use gradcam_eval::gradcam::{Explainer, Method, Network, Pass};

/// Two logits: the brightness of the upper left quarter of 16 × 16 pixels, and 0.
struct Corner;

impl Network for Corner {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let maps = pass.tap("maps", x.sqr()?)?;
        let corner = maps.narrow(2, 0, 8)?.narrow(3, 0, 8)?;
        let mean = corner.mean((1, 2, 3))?.unsqueeze(1)?;
        Tensor::cat(&[&(&mean * 5.0)?, &mean.zeros_like()?], 1)
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let ramp = Tensor::arange(1_f32, 769.0, &Device::Cpu)?;
    let image = (ramp.reshape((1, 3, 16, 16))? / 768.0)?;
    let mask: Vec<bool> = (0..256).map(|i| i / 16 < 8 && i % 16 < 8).collect();
    let explainers = [
        Explainer::of(Method::HiResCam).at("maps"),
        Explainer::of(Method::InputTimesGradient),
    ];
    let metrics = [Metric::Deletion, Metric::Insertion, Metric::Energy];
    let study =
        Study::new(&Corner, &explainers, &metrics).with_nulls(&[Null::Random, Null::Centre]);
    let item = Item::new(0, "corner", &image)
        .with_mask(Some(&mask))
        .with_class(Some(0));
    let record = measure(&study, &item)?;
    for map in record.maps.iter().chain(&record.nulls) {
        for (metric, outcome) in &map.values {
            println!("{}, {metric}: {outcome:?}", map.source);
        }
    }
    Ok(())
}
