//! CSV files with a header.

use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::{Error, Result, files};

/// A table of rows with line numbers.
pub(super) struct Table {
    path: PathBuf,
    headers: StringRecord,
    rows: Vec<StringRecord>,
}

/// A row of a table.
pub(super) struct Row<'a> {
    table: &'a Table,
    record: &'a StringRecord,
    pub(super) line: usize,
}

impl Table {
    /// Reads a table; white space around headers and fields is trimmed.
    pub(super) fn read(path: &Path) -> Result<Table> {
        let wrong = |error: csv::Error| {
            let line = error.position().map(|p| files::at_line(p.line() as usize));
            Error::annotation(path, line.unwrap_or_default(), "CSV", error.to_string())
        };
        let text = files::text(path)?;
        let mut reader = ReaderBuilder::new()
            .trim(Trim::All)
            .from_reader(text.as_bytes());
        let headers = reader.headers().map_err(wrong)?.clone();
        let rows = reader.records().collect::<std::result::Result<_, _>>();
        Ok(Table {
            path: path.to_path_buf(),
            headers,
            rows: rows.map_err(wrong)?,
        })
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|record| Row {
            table: self,
            record,
            line: record.position().map_or(0, |p| p.line() as usize),
        })
    }
}

impl<'a> Row<'a> {
    /// Returns the field under a header.
    pub(super) fn field(&self, header: &str) -> Result<&'a str> {
        let column = self.table.headers.iter().position(|h| h == header);
        let field = column.and_then(|column| self.record.get(column));
        field.ok_or_else(|| {
            let expected = format!("a column `{header}`");
            let found = self.table.headers.iter().collect::<Vec<_>>().join("`, `");
            Error::annotation(&self.table.path, "", expected, files::quoted(&found))
        })
    }

    /// Parses the number under a header.
    pub(super) fn number<T: std::str::FromStr>(&self, header: &str) -> Result<T> {
        let what = format!("a number in `{header}`");
        files::number(&self.table.path, self.line, &what, self.field(header)?)
    }

    /// Reports a row that does not meet its layout's requirements.
    pub(super) fn wrong(&self, expected: &str, found: String) -> Error {
        Error::annotation(&self.table.path, files::at_line(self.line), expected, found)
    }
}

/// Lists the CSV files of a path whose header has all of these columns: the file itself, or those in the folder.
pub(super) fn with_columns(path: &Path, columns: &[&str]) -> Vec<PathBuf> {
    let candidates = if path.is_file() {
        vec![path.to_path_buf()]
    } else {
        files::named(path, |name| name.ends_with(".csv"))
    };
    let fits = |file: &PathBuf| {
        let header = first_line(file).unwrap_or_default();
        let found: Vec<&str> = header
            .split(',')
            .map(|h| h.trim().trim_matches('"'))
            .collect();
        columns.iter().all(|column| found.contains(column))
    };
    candidates.into_iter().filter(fits).collect()
}

fn first_line(path: &Path) -> Option<String> {
    use std::io::{BufRead, BufReader, Read};
    let mut line = String::new();
    // A header is short; a file without line ends is not a table.
    let start = files::open(path).ok()?.take(1 << 16);
    BufReader::new(start).read_line(&mut line).ok()?;
    Some(line.trim_start_matches('\u{feff}').to_string())
}
