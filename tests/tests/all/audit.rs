//! What an audit of a gradient detects, and what it cannot.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor};
use gradcam::{Audit, Target, audit_gradient, audit_gradient_by};
use gradcam_nn::{Network, Pass};

use crate::golden::{Input, build, by_formula};

/// The square, with a derivative that is wrong by a factor.
struct Square(f64);

impl CustomOp1 for Square {
    fn name(&self) -> &'static str {
        "square"
    }
    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (start, end) = layout.contiguous_offsets().unwrap();
        let storage = match x {
            CpuStorage::F64(x) => CpuStorage::F64(x[start..end].iter().map(|v| v * v).collect()),
            x => {
                let x = &x.as_slice::<f32>()?[start..end];
                CpuStorage::F32(x.iter().map(|v| v * v).collect())
            }
        };
        Ok((storage, layout.shape().clone()))
    }
    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(((grad * x)? * (2.0 * self.0))?))
    }
}

/// The sum of the squares times `size`, with a derivative that is wrong by `factor`, plus a constant.
struct Sum {
    /// The derivative's error.
    factor: f64,
    size: f64,
}

impl Network for Sum {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let x = pass.tap("maps", x.clone())?;
        let squares = x.contiguous()?.apply_op1(Square(self.factor))?;
        squares
            .sum((1, 2, 3))?
            .affine(self.size, 3.0)?
            .reshape(((), 1))
    }
}

fn input(side: usize, dtype: DType) -> Tensor {
    let input = Input {
        name: "input".to_string(),
        shape: [1, 3, side, side],
    };
    by_formula(&input).unwrap().to_dtype(dtype).unwrap()
}

fn audit(factor: f64, size: f64, dtype: DType) -> Audit {
    let (network, image) = (Sum { factor, size }, input(8, dtype));
    audit_gradient(&network, &image, "maps", &Target::Index(0), 200, 0).unwrap()
}

#[test]
fn a_wrong_gradient_is_found() {
    for (dtype, exact) in [(DType::F32, 0.01), (DType::F64, 1e-6)] {
        let right = audit(1.0, 1.0, dtype);
        assert!(right.deviation < exact, "{right:?}");
        assert_eq!((right.units, right.kinks), (200, 0));
        // A derivative that is 5 % too large, one that is silently cut off, and one of the wrong sign.
        for (factor, least) in [(1.05, 0.03), (0.0, 0.9), (-1.0, 1.5)] {
            let wrong = audit(factor, 1.0, dtype);
            assert!(wrong.deviation > least, "{factor}: {wrong:?}");
            assert_eq!(wrong.units, 200);
        }
        // A score that does not depend on the layer, or by less than its rounding, has no derivative to compare.
        for size in [0.0, 1e-18] {
            assert_eq!(audit(1.0, size, dtype).units, 0);
        }
    }
}

/// The scores of a network in `f32` have only the digits of `f32`, and differences in a deep network lose most of them.
#[test]
fn differences_in_f64_are_exact() {
    let name = "vit_tiny_patch16_224";
    let (single, double) = (input(64, DType::F32), input(64, DType::F64));
    let network = build(name, 10, 0.8, DType::F32);
    let exact = build(name, 10, 0.8, DType::F64);
    let found = audit_gradient_by(
        (&network, &single),
        (&exact, &double),
        "blocks.11.norm1",
        &Target::Top(0),
        12,
        0,
    )
    .unwrap();
    assert!(found.units > 8 && found.deviation < 1e-3, "{found:?}");
}
