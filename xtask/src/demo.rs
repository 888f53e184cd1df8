//! Explanations of the pictures in `models/photos`.
#![allow(clippy::print_stdout)]

use std::path::Path;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::dist::binary;

/// Explains the photos with the default model, and writes the results and a page that shows them to `target/demo`.
pub(crate) fn run(sh: &Shell) -> Result<()> {
    let binary = binary(sh)?;
    let folder = Path::new("target/demo");
    sh.create_dir(folder)?;
    let records = cmd!(
        sh,
        "{binary} explain models/photos --model efficientnet-lite0 --view side-by-side --output {folder} --force --json"
    )
    .read()?;
    let index = folder.join("index.html");
    sh.write_file(&index, page(&records))?;
    println!("{}", index.display());
    Ok(())
}

/// Builds the page: the records as they are, and a script that lays them out.
fn page(records: &str) -> String {
    let records = records.lines().collect::<Vec<_>>().join(",\n");
    // `</` could end the script element; JSON allows a backslash before the slash.
    let records = records.replace("</", "<\\/");
    PAGE.replace("RECORDS", &records)
}

const PAGE: &str = r#"<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>gradcam demo</title>
<style>
  :root { color-scheme: light dark; font-family: system-ui, sans-serif; }
  body { max-width: 80rem; margin: 2rem auto; padding: 0 1rem; }
  main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: 2rem; }
  figure { margin: 0; }
  img { width: 100%; height: auto; }
  table { border-spacing: 1rem 0; margin-left: -1rem; }
  td:first-child { text-align: right; font-variant-numeric: tabular-nums; }
</style>
<h1>gradcam demo</h1>
<p>Each photo as the network sees it, beside the evidence that Grad-CAM finds for the most probable class.</p>
<main></main>
<noscript>This page lays out its records with a script; the pictures are in the same folder.</noscript>
<script type="application/json" id="records">[
RECORDS
]</script>
<script>
  const add = (parent, tag, text = "") => {
    const node = parent.appendChild(document.createElement(tag));
    node.textContent = text;
    return node;
  };
  for (const record of JSON.parse(document.getElementById("records").textContent)) {
    const figure = add(document.querySelector("main"), "figure");
    const picture = add(figure, "img");
    picture.src = encodeURIComponent(record.outputs.picture.split(/[\\/]/).pop());
    picture.alt = `Grad-CAM of ${record.image} for ${record.target.label}`;
    const caption = add(figure, "figcaption", `${record.target.label}, ${record.model}, layer ${record.layer}, map ${record.map.verdict}`);
    const table = add(caption, "table");
    for (const { label, probability } of record.predictions) {
      const row = add(table, "tr");
      add(row, "td", `${(100 * probability).toFixed(1)} %`);
      add(row, "td", label);
    }
  }
</script>
</html>
"#;

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn records_cannot_leave_their_element() {
        let page = page("{\"image\":\"</script>\"}\n{\"image\":\"b\"}");
        assert!(page.contains("[\n{\"image\":\"<\\/script>\"},\n{\"image\":\"b\"}\n]"));
        assert_eq!(page.matches("</script>").count(), 2);
    }
}
