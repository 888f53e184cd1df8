//! Writing a data set to a folder.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::layouts::{write_coco, write_idx, write_json};
use crate::{Dataset, Error, Kind, Result, files};

/// The file that marks a synthetic data set.
const SYNTHETIC: &str = "synthetic.json";

/// The file's content.
#[derive(Serialize, Deserialize)]
struct Synthetic {
    generator: String,
    seed: u64,
    parameters: serde_json::Value,
}

/// Writes a data set to a new folder, in a layout that [`open`](crate::open) reads: glyphs as IDX files, everything else as COCO instances
/// with PNGs. A synthetic set gets a `synthetic.json` with its generator, seed and parameters.
///
/// The folder appears only when it is complete. Pictures are loaded one at a time.
///
/// # Errors
/// [`Error::Exists`], [`Error::Write`], and the errors of loading a picture or an object.
pub fn write(dataset: &Dataset, folder: &Path) -> Result<()> {
    let glyphs =
        matches!(&dataset.kind, Kind::Synthetic { generator, .. } if generator == "glyphs");
    whole(folder, |part| {
        if glyphs {
            write_idx(&dataset.samples, part)?
        } else {
            write_coco(
                &dataset.classes,
                dataset.samples.iter().cloned().map(Ok),
                part,
            )?
        }
        write_kind(&dataset.kind, part)
    })
}

/// Writes the `synthetic.json` of a synthetic set.
pub(crate) fn write_kind(kind: &Kind, folder: &Path) -> Result<()> {
    match kind.clone() {
        Kind::Real => Ok(()),
        Kind::Synthetic {
            generator,
            seed,
            parameters,
        } => {
            let synthetic = Synthetic {
                generator,
                seed,
                parameters,
            };
            write_json(&folder.join(SYNTHETIC), &synthetic)
        }
    }
}

/// Creates a folder completely or not at all: it is filled under a temporary name beside its place, then renamed.
pub(crate) fn whole(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if folder.symlink_metadata().is_ok() {
        return Err(Error::Exists(folder.to_path_buf()));
    }
    let parent = match folder.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(Error::write(parent))?;
    let prefix = format!(".{}-", files::name(folder));
    let part = tempfile::Builder::new()
        .prefix(&prefix)
        .tempdir_in(parent)
        .map_err(Error::write(parent))?;
    let filled = part.path().join("data");
    fs::create_dir(&filled).map_err(Error::write(&filled))?;
    fill(&filled)?;
    if folder.symlink_metadata().is_ok() {
        return Err(Error::Exists(folder.to_path_buf()));
    }
    fs::rename(&filled, folder).map_err(Error::write(folder))
}

/// Reads a folder's `synthetic.json`; `None` if it has none.
pub(crate) fn read_synthetic(folder: &Path) -> Result<Option<Kind>> {
    let path = folder.join(SYNTHETIC);
    if !path.is_file() {
        return Ok(None);
    }
    let text = files::text(&path)?;
    let synthetic: Synthetic = serde_json::from_str(&text).map_err(|error| {
        let at = files::at_line(error.line());
        let expected = "`generator`, `seed` and `parameters`";
        Error::annotation(&path, at, expected, error.to_string())
    })?;
    Ok(Some(Kind::Synthetic {
        generator: synthetic.generator,
        seed: synthetic.seed,
        parameters: synthetic.parameters,
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fixtures::files_in;
    use crate::open;
    use crate::{Generator, generate};

    /// Everything but the pictures' location survives, and two writes give the same bytes.
    #[test]
    fn what_is_written_is_read_back() {
        let dir = files_in(&[]);
        for (i, generator) in Generator::defaults().into_iter().enumerate() {
            let set = generate(generator, 7, 6, 4).unwrap();
            let [once, twice] = ["once", "twice"].map(|n| dir.path().join(format!("{i}/{n}")));
            write(&set, &once).unwrap();
            write(&set, &twice).unwrap();
            let back = open(&once).unwrap();
            assert_eq!((&back.kind, back.samples.len()), (&set.kind, 10));
            assert_eq!(back.annotation, set.annotation, "{}", set.name);
            for (a, b) in set.samples.iter().zip(&back.samples) {
                assert_eq!((&a.class, a.split), (&b.class, b.split));
                assert_eq!(a.picture.rgb().unwrap(), b.picture.rgb().unwrap());
                assert_eq!(a.objects.len(), b.objects.len());
                for (a_object, b_object) in a.objects.iter().zip(&b.objects) {
                    assert_eq!(a_object.class, b_object.class);
                    assert_eq!(a_object.difficult, b_object.difficult);
                }
                assert_eq!(a.mask(|_| true).unwrap(), b.mask(|_| true).unwrap());
                assert_eq!(a.target_mask().unwrap(), b.target_mask().unwrap());
            }
            for name in [
                "instances.json",
                "images/000003.png",
                "synthetic.json",
                "t10k-images-idx3-ubyte",
            ] {
                let [a, b] = [&once, &twice].map(|folder| fs::read(folder.join(name)).ok());
                assert_eq!(a, b, "{name}");
            }
        }
        // Nothing else is left behind.
        assert_eq!(files::entries(&dir.path().join("0")).unwrap().len(), 2);
        assert!(fs::read_dir(dir.path().join("0")).unwrap().count() == 2);
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_is_half_there() {
        let dir = files_in(&[("there/a.txt", "")]);
        let mut set = generate(Generator::defaults().swap_remove(0), 1, 2, 0).unwrap();
        let there = dir.path().join("there");
        assert!(matches!(write(&set, &there), Err(Error::Exists(_))));
        let picture = crate::Picture::File(dir.path().join("gone.png"));
        set.samples[1].picture = picture;
        let broken = dir.path().join("broken");
        assert!(write(&set, &broken).is_err() && !broken.exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
