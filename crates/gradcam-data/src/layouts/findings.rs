//! X-rays with a CSV that has one row per finding. The pictures are DICOM files, PNGs or JPEGs in any folder beside it, named by the
//! table's first column.

use std::collections::BTreeMap;
use std::path::Path;

use super::read::Read;
use super::table::{Row, Table, with_columns};
use crate::class::numbered;
use crate::{Object, Picture, Result, Sample, Shape, Split, files};

/// Reads the tables of a path with these columns. `shape` returns the shape that a row marks; `None` if the row reports no finding.
/// `classes` name the pictures without findings and those with findings.
pub(super) fn read<const N: usize>(
    path: &Path,
    columns: &[&str; N],
    classes: [&str; 2],
    shape: impl Fn(&Row<'_>, &Picture) -> Result<Option<Shape>>,
) -> Read {
    let folder = if path.is_file() {
        path.parent().unwrap_or(path)
    } else {
        path
    };
    let pictures = files::pictures_by_stem(folder)?;
    let classes = numbered(classes);
    let mut samples = Vec::new();
    for file in with_columns(path, columns) {
        let table = Table::read(&file)?;
        let mut found: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
        for row in table.rows() {
            found.entry(row.field(columns[0])?).or_default().push(row);
        }
        let missing = found.keys().filter(|id| !pictures.contains_key(**id));
        files::all_there(&file, folder, missing.map(|id| id.to_string()).collect())?;
        let split = files::stem(&file).split(['-', '_']).find_map(Split::of);
        for (id, rows) in found {
            let picture = Picture::File(pictures[id].clone());
            let mut objects = Vec::new();
            for row in &rows {
                let shape = shape(row, &picture)?;
                objects.extend(shape.map(|shape| Object::new(classes[1].clone(), shape)));
            }
            samples.push(Sample {
                id: id.to_string(),
                picture,
                class: Some(classes[usize::from(!objects.is_empty())].clone()),
                objects,
                split,
            });
        }
    }
    Ok((classes, samples))
}
