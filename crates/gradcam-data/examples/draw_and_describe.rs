//! Draws a data set of shapes from a seed, writes it, opens it like any other, and counts the pixels of its objects.
#![allow(clippy::print_stdout)]

use gradcam_data::{Generator, Shapes, describe, generate, open, write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let place = folder.path().join("shapes");
    // Twelve pictures to train with and six to test with, from the seed 7.
    write(
        &generate(Generator::Shapes(Shapes::default()), 7, 12, 6)?,
        &place,
    )?;

    let shapes = open(&place)?;
    let summary = describe(&shapes);
    println!(
        "{}: {} pictures, layout {:?}, annotated by {:?}",
        shapes.name, summary.pictures, shapes.layout, summary.annotation
    );
    // Nothing has been decoded so far: pictures and masks are read on demand.
    for sample in shapes.samples.iter().take(3) {
        let class = sample
            .class
            .as_ref()
            .map_or("nothing", |class| &*class.name);
        let area = sample.target_mask()?.map_or(0, |mask| mask.area());
        let (width, height) = sample.picture.rgb()?.dimensions();
        println!(
            "{}: a {class} on {area} of {width} × {height} pixels",
            sample.id
        );
    }
    Ok(())
}
