//! Tables as text: a row a sample, one column the label, the others features.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use csv::StringRecord;
use sterna_ir::Task;

use super::error::{at, one_line, show};
use super::npy::{Array, Values};
use super::{Error, MAX_CLASSES};

/// Column names that mean the label, the first of them found.
const LABELS: [&str; 3] = ["label", "class", "y"];

/// What a file holds.
pub(super) struct Table {
    /// Features, `(rows, columns)`.
    pub x: Array,
    /// Class of each row.
    pub y: Vec<u8>,
    /// Class names in order of their numbers.
    pub classes: Vec<String>,
    /// Feature names; empty without a header.
    pub features: Vec<String>,
}

/// Reads a table; with a `task`, its columns and classes must be the task's, and come in the task's order.
pub(super) fn load(path: &Path, task: Option<&Task>) -> Result<Table, Error> {
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
    let named = |header: &StringRecord| label_column(header).or_else(|| only_unknown(header, task?));
    let label = header.as_ref().and_then(named).unwrap_or(columns - 1);
    if let (Some(header), Some(task)) = (&header, task)
        && header.iter().all(|field| task.features.iter().any(|feature| feature == field))
    {
        let what = format!("{columns} columns, all of them features");
        return Err(Error::content(format!("{}, line 1", at(path)), what, "add a column with the label"));
    }
    let mut names: Vec<String> = header.iter().flat_map(|h| h.iter().map(str::to_string)).collect();
    if !names.is_empty() {
        names.remove(label);
    }
    let order = match task {
        Some(task) => columns_of(task, &names, columns - 1)
            .map_err(|(what, fix)| Error::content(format!("{}, line 1", at(path)), what, fix))?,
        None => (0..columns - 1).collect(),
    };
    let mut classes = Classes::of(task);
    let mut x = Vec::new();
    let first = if header.is_some() { None } else { Some(first) };
    for record in first.into_iter().chain(second).map(Ok).chain(records) {
        let record = record?;
        let place = |column: usize| {
            let line = record.position().map_or(1, |p| p.line());
            let name = header.as_ref().map(|h| format!(" ({})", show(&h[column]))).unwrap_or_default();
            format!("{}, line {line}, column {}{name}", at(path), column + 1)
        };
        classes.add(&record[label]).map_err(|(what, fix)| Error::content(place(label), what, fix))?;
        for feature in &order {
            let column = feature + usize::from(*feature >= label);
            match number(&record[column]).filter(|v| v.is_finite()) {
                Some(value) => x.push(value),
                None => {
                    let fix = "features must be finite numbers; the label is the column named label, class or y, else the last";
                    return Err(Error::content(place(column), show(&record[column]), fix));
                }
            }
        }
    }
    if classes.rows.is_empty() {
        return Err(empty());
    }
    let shape = vec![classes.rows.len(), columns - 1];
    let (y, classes) = classes.sorted(path)?;
    Ok(Table { x: Array { shape, values: Values::of(x.into_iter()) }, y, classes, features: names })
}

/// For each feature of the task, its place among the `count` features of a table that names them `names` or not at all.
/// Errors with what is wrong and how to mend it.
fn columns_of(task: &Task, names: &[String], count: usize) -> Result<Vec<usize>, (String, String)> {
    if task.features.is_empty() || names.is_empty() {
        return Ok((0..count).collect());
    }
    if let Some(extra) = names.iter().find(|name| !task.features.contains(name)) {
        let what = format!("feature {}", show(extra));
        return Err((what, "the network was not trained on such a column; leave it out".into()));
    }
    let place = |feature: &String| names.iter().position(|name| name == feature);
    let missing = |feature: &String| {
        (
            format!("no feature {}", show(feature)),
            "the network was trained on that column; add it".to_string(),
        )
    };
    // Columns of one name cannot be told apart; they keep their order.
    let repeated = (1..names.len()).any(|i| names[..i].contains(&names[i]));
    if repeated && names == task.features {
        return Ok((0..count).collect());
    }
    task.features.iter().map(|feature| place(feature).ok_or_else(|| missing(feature))).collect()
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

/// The one way to write an integer, however it was written: `1` for `01` and `1.0`.
fn integer(field: &str) -> Option<String> {
    number(field).filter(|v| v.fract() == 0.0 && v.abs() < 1e15).map(|v| (v as i64).to_string())
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

/// The one column of a header that is none of the task's features.
fn only_unknown(header: &StringRecord, task: &Task) -> Option<usize> {
    let known = |field: &str| task.features.iter().any(|feature| feature == field);
    let mut unknown = (0..header.len()).filter(|column| !known(&header[*column]));
    unknown.next().filter(|_| unknown.next().is_none() && !task.features.is_empty())
}

/// Labels as met in the file, numbered in order of appearance, or as the task numbers them.
struct Classes {
    numbers: BTreeMap<String, usize>,
    rows: Vec<usize>,
    /// Names that the task fixes.
    known: Vec<String>,
}

impl Classes {
    fn of(task: Option<&Task>) -> Self {
        let known: Vec<String> = task.map_or(Vec::new(), |t| t.classes.clone());
        let numbers = known.iter().cloned().zip(0..).collect();
        Classes { numbers, rows: Vec::new(), known }
    }

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
        let written = integer(label).filter(|_| !self.known.is_empty());
        let number = match self.numbers.get(label).or_else(|| self.numbers.get(&written?)) {
            Some(&number) => number,
            None if !self.known.is_empty() => {
                let what = format!("label {}", show(label));
                return Err((what, format!("the network was trained on {}", show(&self.known.join(", ")))));
            }
            None if next == MAX_CLASSES => {
                let what = format!("label {} would be class number {}", show(label), MAX_CLASSES + 1);
                return Err((what, format!("use at most {MAX_CLASSES} classes")));
            }
            None => *self.numbers.entry(label.to_string()).or_insert(next),
        };
        self.rows.push(number);
        Ok(())
    }

    /// The class of each row, and the classes: in the task's order, else sorted by value if all are integers, else as text.
    fn sorted(self, path: &Path) -> Result<(Vec<u8>, Vec<String>), Error> {
        let byte = |rank: usize| u8::try_from(rank).expect("at most 256 classes");
        if !self.known.is_empty() {
            return Ok((self.rows.into_iter().map(byte).collect(), self.known));
        }
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
            class[*number] = byte(rank);
        }
        let all = order.iter().all(|(name, _)| integer(name).is_some());
        let name = |name: &String| integer(name).filter(|_| all).unwrap_or(name.clone());
        let names = order.into_iter().map(|(label, _)| name(label)).collect();
        Ok((self.rows.iter().map(|&number| class[number]).collect(), names))
    }
}
