//! Boxes in Pascal VOC's XML, which ImageNet uses as well.

use std::path::Path;

use roxmltree::{Document, Node};

use crate::{Error, Rect, Result, files};

/// An `<object>`.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) rect: Rect,
    pub(super) difficult: bool,
}

/// Reads the objects of an XML file, in its order. `first` is the number of the leftmost and topmost pixels: 1 in VOC, 0 in ImageNet. The
/// last pixels, `xmax` and `ymax`, belong to the box.
pub(super) fn objects(path: &Path, first: f64) -> Result<Vec<Named>> {
    let text = files::text(path)?;
    let document = Document::parse(&text).map_err(|error| {
        let at = files::at_line(error.pos().row as usize);
        Error::annotation(path, at, "XML", error.to_string())
    })?;
    let root = document.root_element();
    let line = |node: Node<'_, '_>| {
        let row = document.text_pos_at(node.range().start).row;
        files::at_line(row as usize)
    };
    // Parts of an object have boxes too, so only direct children count.
    let child = |node: Node<'_, '_>, name: &str| {
        let found = node.children().find(|c| c.has_tag_name(name));
        found.map(|c| (line(c), c.text().unwrap_or_default().trim().to_string()))
    };
    let mut all = Vec::new();
    for object in root.children().filter(|c| c.has_tag_name("object")) {
        let missing = |node, name: &str| {
            let expected = format!("a `<{name}>` in `<object>`");
            Error::annotation(path, line(node), expected, "none")
        };
        let (_, name) = child(object, "name").ok_or_else(|| missing(object, "name"))?;
        let frame = object.children().find(|c| c.has_tag_name("bndbox"));
        let frame = frame.ok_or_else(|| missing(object, "bndbox"))?;
        let number = |name: &str| -> Result<f64> {
            let (at, text) = child(frame, name).ok_or_else(|| missing(frame, name))?;
            let parsed = text.parse::<f64>().ok().filter(|n| n.is_finite());
            parsed.ok_or_else(|| Error::annotation(path, at, "a number", files::quoted(&text)))
        };
        let low = [number("xmin")? - first, number("ymin")? - first];
        let high = [number("xmax")? - first, number("ymax")? - first];
        let rect = Rect::inclusive(low, high);
        if !rect.is_valid() {
            let ([left, top], [right, bottom]) = (low, high);
            let found = format!("x from {left} to {right}, y from {top} to {bottom}");
            let expected = "a box with its minima before its maxima";
            return Err(Error::annotation(path, line(frame), expected, found));
        }
        let difficult = child(object, "difficult").is_some_and(|(_, text)| text == "1");
        all.push(Named {
            name,
            rect,
            difficult,
        });
    }
    Ok(all)
}
