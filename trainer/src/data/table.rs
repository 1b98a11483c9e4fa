//! Tables as text: a row a sample, one column the label, the others features.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use csv::StringRecord;

use super::error::{at, one_line, show};
use super::npy::{Array, Values};
use super::{Error, MAX_CLASSES};

/// Column names that mean the label, the first of them found.
const LABELS: [&str; 3] = ["label", "class", "y"];

/// Features `(rows, columns)`, the class of each row, and the number of classes.
pub(super) fn load(path: &Path) -> Result<(Array, Vec<u8>, usize), Error> {
    let file = File::open(path).map_err(|e| Error::io(path, &e))?;
    let mut file = BufReader::new(file);
    let delimiter = delimiter(file.fill_buf().map_err(|e| Error::io(path, &e))?);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .delimiter(delimiter)
        .from_reader(file);
    let mut records = reader.records().map(|r| {
        r.map_err(|e| Error::content(at(path), one_line(e), "give every row as many columns, in UTF-8 text"))
    });
    let empty = || Error::content(at(path), "0 training samples", "give a row for each sample");
    let first = records.next().transpose()?.ok_or_else(empty)?;
    let second = records.next().transpose()?;
    let columns = first.len();
    if columns < 2 {
        let fix = "give at least one feature and the label, separated by commas";
        return Err(Error::content(format!("{}, line 1", at(path)), format!("{columns} column"), fix));
    }
    let header = is_header(&first, second.as_ref()).then_some(first.clone());
    let label = header.as_ref().and_then(label_column).unwrap_or(columns - 1);
    let (mut x, mut classes) = (Vec::new(), Classes::default());
    let first = if header.is_some() { None } else { Some(first) };
    for record in first.into_iter().chain(second).map(Ok).chain(records) {
        let record = record?;
        let place = |column: usize| {
            let line = record.position().map_or(1, |p| p.line());
            let name = header.as_ref().map(|h| format!(" ({})", show(&h[column]))).unwrap_or_default();
            format!("{}, line {line}, column {}{name}", at(path), column + 1)
        };
        for (column, field) in record.iter().enumerate() {
            if column == label {
                classes.add(field).map_err(|(what, fix)| Error::content(place(column), what, fix))?;
            } else {
                match number(field).filter(|v| v.is_finite()) {
                    Some(value) => x.push(value),
                    None => {
                        let fix = "features must be finite numbers; the label is the column named label, class or y, else the last";
                        return Err(Error::content(place(column), show(field), fix));
                    }
                }
            }
        }
    }
    if classes.rows.is_empty() {
        return Err(empty());
    }
    let shape = vec![classes.rows.len(), columns - 1];
    let (y, count) = classes.sorted(path)?;
    Ok((Array { shape, values: Values::of(x.into_iter()) }, y, count))
}

/// The separator that is most frequent in the first line.
fn delimiter(start: &[u8]) -> u8 {
    let line = start.split(|&b| b == b'\n').next().unwrap_or_default();
    let count = |d: u8| line.iter().filter(|&&b| b == d).count();
    // The last of equals wins.
    [b'\t', b';', b','].into_iter().max_by_key(|&d| count(d)).expect("three candidates")
}

fn number(field: &str) -> Option<f64> {
    field.parse().ok()
}

/// Whether a first row holds names: it names the label, or no feature in it is a number, or only its label is text.
fn is_header(first: &StringRecord, second: Option<&StringRecord>) -> bool {
    let last = first.len() - 1;
    let text = |field: &str| number(field).is_none();
    let names = first.iter().take(last).filter(|f| !f.is_empty());
    label_column(first).is_some()
        || (names.clone().count() > 0 && names.clone().all(text))
        || (text(&first[last]) && second.is_some_and(|s| !text(&s[last])))
}

fn label_column(header: &StringRecord) -> Option<usize> {
    LABELS.iter().find_map(|name| header.iter().position(|field| field.eq_ignore_ascii_case(name)))
}

/// Labels as met in the file, numbered in order of appearance.
#[derive(Default)]
struct Classes {
    numbers: BTreeMap<String, usize>,
    rows: Vec<usize>,
}

impl Classes {
    fn add(&mut self, label: &str) -> Result<(), (String, String)> {
        if label.is_empty() {
            return Err(("an empty label".into(), "give the class of every row".into()));
        }
        if let Some(value) = number(label).filter(|v| v.fract() != 0.0 || !v.is_finite()) {
            return Err((
                format!("label {value}"),
                "labels must be integers or words, not measurements".into(),
            ));
        }
        let next = self.numbers.len();
        let number = match self.numbers.get(label) {
            Some(&number) => number,
            None if next == MAX_CLASSES => {
                let what = format!("label {} would be class number {}", show(label), MAX_CLASSES + 1);
                return Err((what, format!("use at most {MAX_CLASSES} classes")));
            }
            None => *self.numbers.entry(label.to_string()).or_insert(next),
        };
        self.rows.push(number);
        Ok(())
    }

    /// Classes in sorted order, by value if all are integers, else as text; and their number.
    fn sorted(self, path: &Path) -> Result<(Vec<u8>, usize), Error> {
        let mut order: Vec<(&String, usize)> =
            self.numbers.iter().map(|(name, &number)| (name, number)).collect();
        if order.iter().all(|(name, _)| number(name).is_some()) {
            let value = |name: &String| number(name).expect("just checked");
            order.sort_by(|a, b| value(a.0).total_cmp(&value(b.0)));
            if let Some(pair) = order.windows(2).find(|p| value(p[0].0) == value(p[1].0)) {
                let what = format!("labels {} and {} are the same number", show(pair[0].0), show(pair[1].0));
                return Err(Error::content(at(path), what, "write each class in one way"));
            }
        }
        let mut class = vec![0; order.len()];
        for (rank, (_, number)) in order.iter().enumerate() {
            class[*number] = u8::try_from(rank).expect("at most 256 classes");
        }
        Ok((self.rows.iter().map(|&number| class[number]).collect(), order.len()))
    }
}
