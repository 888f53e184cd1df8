//! Opening a data set by its path.

use std::collections::BTreeSet;
use std::path::Path;

use crate::dataset::annotation;
use crate::write::read_synthetic;
use crate::{Dataset, Error, Kind, Layout, Result, files};

/// Opens a data set and detects its layout. The path is a folder or a file of annotations (COCO's JSON, or the CSV of SIIM or RSNA). A
/// `synthetic.json` beside the data, or up to two folders above, makes the set synthetic.
///
/// # Errors
/// [`Error::NoLayout`] if no layout matches; [`Error::Annotation`], [`Error::MissingPictures`], [`Error::Read`] or [`Error::Picture`] if
/// the files do not meet their layout's requirements.
///
/// ```
/// use gradcam_data::{Generator, Layout, Shapes, generate, open, write};
///
/// let folder = tempfile::tempdir()?;
/// let place = folder.path().join("shapes");
/// write(&generate(Generator::Shapes(Shapes::default()), 7, 2, 1)?, &place)?;
/// let shapes = open(&place)?;
/// assert_eq!(shapes.samples.len(), 3);
/// assert_ne!(shapes.layout, Layout::Generated);
/// assert!(open(&folder.path().join("nowhere")).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open(path: &Path) -> Result<Dataset> {
    std::fs::metadata(path).map_err(Error::read(path))?;
    let mut all = Layout::ALL.iter().copied();
    let found = all.find(|layout| layout.matches(path));
    let none = || {
        Error::no_layout(
            path,
            "a file that is neither JSON of COCO instances nor a CSV of SIIM or RSNA",
        )
    };
    open_as(path, found.ok_or_else(none)?)
}

/// Opens a data set of a known layout.
///
/// # Errors
/// As [`open`].
pub fn open_as(path: &Path, layout: Layout) -> Result<Dataset> {
    let (classes, samples) = layout.read(path)?;
    if samples.is_empty() {
        let endings = gradcam_picture::ENDINGS.join(", ");
        let found = format!("no pictures found (files that end in {endings})");
        return Err(Error::no_layout(path, &found));
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = samples.iter().find(|s| !seen.insert(s.id.as_str())) {
        let found = format!("two pictures are called `{}`", twice.id);
        return Err(Error::no_layout(path, &found));
    }
    let folder = if path.is_file() {
        path.parent().unwrap_or(path)
    } else {
        path
    };
    let mut dataset = Dataset {
        name: files::folder_name(folder),
        layout,
        kind: Kind::Real,
        annotation: annotation(&samples),
        classes,
        samples,
    };
    // Any folder of a drawn set is drawn as well.
    let folder = folder.canonicalize().map_err(Error::read(folder))?;
    for place in folder.ancestors().take(3) {
        if let Some(kind) = read_synthetic(place)? {
            dataset.kind = kind;
            break;
        }
    }
    Ok(dataset)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fixtures::files_in;

    #[test]
    fn a_folder_of_a_drawn_set_is_drawn_too() {
        let text = r#"{"generator": "shapes", "seed": 7, "parameters": {}}"#;
        let dir = files_in(&[("synthetic.json", text)]);
        crate::fixtures::picture(dir.path(), "images/a.png", 1, 1);
        let set = open(&dir.path().join("images")).unwrap();
        assert!(matches!(set.kind, Kind::Synthetic { seed: 7, .. }));
        // Nothing distinguishes two pictures with one name.
        crate::fixtures::picture(dir.path(), "images/a.jpg", 1, 1);
        let error = open(&dir.path().join("images")).unwrap_err().to_string();
        assert!(error.contains("two pictures are called `a`"), "{error}");
    }

    #[test]
    fn what_is_no_data_set_is_refused() {
        let dir = files_in(&[("readme.txt", ""), ("synthetic.json", "{}")]);
        let error = open(&dir.path().join("readme.txt")).unwrap_err();
        assert!(matches!(error, Error::NoLayout { .. }), "{error}");
        let error = open(&dir.path().join("none")).unwrap_err();
        assert!(matches!(error, Error::Read { .. }), "{error}");
        crate::fixtures::picture(dir.path(), "a.png", 1, 1);
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("synthetic.json`, line 1"), "{error}");
        let error = "cooc".parse::<Layout>().unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no layout `cooc`; the nearest are `coco`, `voc`"
        );
        for &layout in Layout::ALL {
            assert_eq!(layout.name().parse::<Layout>().unwrap(), layout);
            assert_eq!(serde_json::to_value(layout).unwrap(), layout.name());
        }
    }
}
