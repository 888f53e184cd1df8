//! Turns the options about an ONNX file into what is stated about it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use candle_core::{DType, Tensor};
use gradcam_models::bounded;
use gradcam_models::onnx::{Input, Stated};

use crate::args::{Channels, Graph};

/// The most bytes of a file with labels or with the value of an input.
const LIMIT: u64 = 256 << 20;

impl Graph {
    /// Reads the options.
    ///
    /// # Errors
    /// When an option has another form, or a file cannot be read.
    pub(crate) fn stated(&self) -> Result<Stated> {
        let mut stated = Stated::default();
        stated.graph.output = self.graph_output.clone();
        stated.graph.image = self.image_input.clone();
        stated.graph.keep_softmax = self.keep_softmax;
        stated.graph.blue_first = self.channels == Some(Channels::Bgr);
        for text in &self.graph_input {
            let (name, value) = text.split_once('=').ok_or_else(|| {
                anyhow!("`--graph-input {text}`: expected NAME=VALUE or NAME=FILE.npy")
            })?;
            let input = input(value).with_context(|| format!("`--graph-input {text}`"))?;
            stated.graph.inputs.insert(name.to_string(), input);
        }
        if let Some(path) = &self.labels {
            let shown = path.display();
            let text =
                bounded::text(path, LIMIT).with_context(|| format!("cannot read `{shown}`"))?;
            let labels = gradcam_models::onnx::labels(&text);
            stated.labels = Some(labels.map_err(|reason| anyhow!("`--labels {shown}`: {reason}"))?);
        }
        stated.mean = triple("--mean", &self.mean)?;
        stated.std = triple("--std", &self.std)?;
        if let Some(range) = self.range {
            if !(range > 0.0 && range.is_finite()) {
                bail!("`--range {range}`: expected a number above 0, usually 1 or 255");
            }
            stated.range = Some(range);
        }
        stated.size = self.input_size.as_deref().map(size).transpose()?;
        Ok(stated)
    }
}

fn triple(option: &str, values: &[f32]) -> Result<Option<[f32; 3]>> {
    match *values {
        [] => Ok(None),
        [all] => Ok(Some([all; 3])),
        [red, green, blue] => Ok(Some([red, green, blue])),
        _ => bail!(
            "`{option}`: expected one number or three, found {}",
            values.len()
        ),
    }
}

fn size(text: &str) -> Result<(u32, u32)> {
    let (rows, columns) = text.split_once('x').unwrap_or((text, text));
    let side = |side: &str| {
        let side: u32 = side.parse().ok()?;
        (1..=4096).contains(&side).then_some(side)
    };
    side(rows).zip(side(columns)).ok_or_else(|| {
        anyhow!("`--input-size {text}`: expected N or HxW, with sides from 1 to 4096")
    })
}

/// Reads numbers with commas, or a file.
fn input(text: &str) -> Result<Input> {
    let path = Path::new(text);
    if path.extension().is_some_and(|ending| ending == "npy") {
        let bytes = fs::metadata(path).context("cannot read the file")?.len();
        if bytes > LIMIT {
            bail!("the file has {bytes} bytes, more than {LIMIT}");
        }
        let tensor = Tensor::read_npy(path).context("not a file of NumPy's")?;
        return Ok(Input {
            dims: tensor.dims().to_vec(),
            values: tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?,
        });
    }
    let values = text
        .split(',')
        .map(|number| number.trim().parse::<f64>())
        .collect::<Result<Vec<_>, _>>()
        .context("expected numbers with commas, or a file that ends in .npy")?;
    let dims = match values.len() {
        1 => Vec::new(),
        len => vec![len],
    };
    Ok(Input { dims, values })
}
