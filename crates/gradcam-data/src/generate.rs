//! Data sets of drawn pictures.

use std::sync::Arc;

use crate::dataset::annotation;
use crate::runs::to_runs;
use crate::{
    Dataset, DrawnObject, Error, Generator, Kind, Layout, Object, Picture, Result, Sample, Shape,
    Split,
};

/// Draws a data set of `train` training pictures, numbered from 0, followed by `test` test pictures. Each picture is drawn again whenever
/// it is loaded; masks are kept as run lengths.
///
/// # Errors
/// [`Error::Setting`] for a parameter out of its range, or if both counts are 0.
///
/// ```
/// use gradcam_data::{Generator, Shapes, Split, generate};
///
/// let shapes = generate(Generator::Shapes(Shapes::default()), 7, 2, 1)?;
/// let last = &shapes.samples[2];
/// assert_eq!(last.split, Some(Split::Test));
/// // Drawn anew each time, always with the same bytes.
/// assert_eq!(last.picture.rgb()?, last.picture.rgb()?);
/// # Ok::<(), gradcam_data::Error>(())
/// ```
pub fn generate(generator: Generator, seed: u64, train: usize, test: usize) -> Result<Dataset> {
    if train + test == 0 {
        return Err(Error::Setting {
            field: "pictures",
            expected: "at least 1",
            found: "0".to_string(),
        });
    }
    let kind = Kind::Synthetic {
        generator: generator.name().to_string(),
        seed,
        parameters: serde_json::to_value(&generator)
            .ok()
            .and_then(|mut value| value.get_mut("parameters").map(serde_json::Value::take))
            .unwrap_or_default(),
    };
    let classes = generator.classes();
    let generator = Arc::new(generator);
    let samples = (0..train + test).map(|i| {
        let index = i as u64;
        let drawn = generator.draw(seed, index)?;
        let object = |object: &DrawnObject| {
            let shape = Shape::Runs {
                height: object.mask.height,
                width: object.mask.width,
                runs: to_runs(&object.mask),
            };
            Object {
                difficult: object.difficult,
                ..Object::new(classes[object.class].clone(), shape)
            }
        };
        Ok(Sample {
            id: format!("{index:06}"),
            picture: Picture::Generated {
                generator: Arc::clone(&generator),
                seed,
                index,
            },
            class: Some(classes[drawn.class].clone()),
            objects: drawn.objects.iter().map(object).collect(),
            split: Some(if i < train { Split::Train } else { Split::Test }),
        })
    });
    let samples: Vec<Sample> = samples.collect::<Result<_>>()?;
    Ok(Dataset {
        name: generator.name().to_string(),
        layout: Layout::Generated,
        kind,
        annotation: annotation(&samples),
        classes: classes.clone(),
        samples,
    })
}
