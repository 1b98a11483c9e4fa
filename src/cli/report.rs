//! `sterna report`, and the report that other commands write: one HTML file to look at.

mod chart;
pub mod circuit;
mod compared;
mod network;
mod page;
mod training;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use maud::{Markup, html};
use serde_json::json;
use sterna_ir::{Network, format};

use super::compare::{self, Comparison};
use crate::build::{self, Build};
use crate::check::Verdict;
use crate::record::{self, Record};
use crate::store;
use crate::ui::{Outcome, Ui};

/// Flags of `sterna report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sterna report digits.sterna          digits.report.html: layers, weights, and the training if it is there
  sterna report build                  build/report.html: the circuit, too
  sterna report comparison             a folder of sterna compare

The file stands alone: no script, nothing from the network; light and dark, for paper and for small screens.")]
pub struct Args {
    /// Network file, build folder, or folder of a comparison.
    input: PathBuf,
    /// File to write [default: report.html in the folder, or NAME.report.html beside the network].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The flag of commands that have something to show.
#[derive(Clone, Debug, clap::Args)]
pub struct ReportArgs {
    /// Write a report to look at to this file, as HTML.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl ReportArgs {
    /// Says early that the file cannot be written.
    pub fn check(&self) -> Result<()> {
        let Some(path) = &self.report else { return Ok(()) };
        store::ensure_writable(path)?;
        store::ensure_replaceable(path, b"<!DOCTYP")
    }

    /// Writes what `report` shows, if that was asked for.
    pub fn write(&self, report: &Report, ui: &Ui) -> Result<()> {
        let Some(path) = &self.report else { return Ok(()) };
        report.write(path)?;
        ui.say(format!("report in {}", path.display()))?;
        Ok(())
    }
}

/// What there is to show; what is left out has no section.
#[derive(Default)]
pub struct Report<'a> {
    /// Heading.
    pub title: String,
    /// Layers and weights.
    pub network: Option<&'a Network>,
    /// How it was trained.
    pub training: Option<&'a Record>,
    /// The circuit.
    pub build: Option<&'a Build>,
    /// Cells counted by the named tool.
    pub measured: Option<(&'a [circuit::Measured], &'a str)>,
    /// Lines of the table of place and route.
    pub routed: Vec<Vec<String>>,
    /// What `verify` found.
    pub verdict: Option<&'a Verdict>,
    /// Methods side by side.
    pub comparison: Option<&'a Comparison>,
    /// A folder of files and the names of those to link.
    pub files: Option<(&'a Path, &'a [String])>,
}

impl<'a> Report<'a> {
    /// All about a compiled network.
    pub fn of(build: &'a Build) -> Self {
        Report {
            title: build.network.name.clone(),
            network: Some(&build.network),
            training: build.training.as_ref(),
            build: Some(build),
            ..Report::default()
        }
    }

    /// Writes the page to `path`: the same content gives the same bytes.
    pub fn write(&self, path: &Path) -> Result<()> {
        store::replace(path, self.html(path)?.as_bytes())
    }

    fn html(&self, path: &Path) -> Result<String> {
        let mut sections: Vec<(&str, Markup)> = Vec::new();
        if let Some(comparison) = self.comparison {
            sections.push(("Comparison", compared::compared(comparison)?));
            if !comparison.published.is_empty() {
                sections.push(("Published by others", compared::others(comparison)));
            }
        }
        if let Some(network) = self.network {
            sections.push(("Network", training::network(network)?));
        }
        if let Some(record) = self.training {
            sections.push(("Training", training::training(record)?));
        }
        if let Some(build) = self.build {
            sections.push(("Circuit", circuit::circuit(build)?));
        }
        if let Some((results, tool)) = self.measured {
            sections.push(("Measured", circuit::measured(results, tool, &self.routed)?));
        }
        if let Some(verdict) = self.verdict {
            sections.push(("Verified", circuit::verified(verdict)));
        }
        if let Some((folder, names)) = self.files {
            sections.push(("Files", files(path, folder, names)));
        }
        let about = match (self.comparison, self.build, self.training) {
            (Some(_), ..) => "Weight methods by one recipe, side by side",
            (_, Some(_), _) => "A network and its circuit",
            _ => "A network",
        };
        Ok(page::page(&self.title, about, &sections))
    }
}

/// Links to files that lie in the folder of the report or below it; names only where they do not, as a page must not hold
/// the paths of a machine.
fn files(report: &Path, folder: &Path, names: &[String]) -> Markup {
    let whole = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        path.canonicalize().ok()
    };
    let below = whole(report.parent().unwrap_or(Path::new("")))
        .zip(whole(folder))
        .and_then(|(report, folder)| folder.strip_prefix(report).ok().map(Path::to_path_buf));
    html! {
        ul.files {
            @for name in names {
                li {
                    @match &below {
                        Some(place) => { a href=(place.join(name).display()) { (name) } }
                        None => (name),
                    }
                }
            }
        }
    }
}

/// Runs `sterna report`.
pub fn run(args: &Args, ui: &Ui) -> Result<Outcome> {
    let input = &args.input;
    let usual = if input.is_dir() { input.join("report.html") } else { beside(input) };
    let output = args.output.clone().unwrap_or(usual);
    store::ensure_writable(&output)?;
    if input.join(compare::FILE).is_file() {
        let comparison = Comparison::read(input)?;
        let networks: Vec<String> = comparison.rows.iter().flat_map(|r| r.networks.clone()).collect();
        let title = format!("{}: weight methods", comparison.data);
        let files = Some((input.as_path(), &networks[..]));
        Report { title, comparison: Some(&comparison), files, ..Report::default() }.write(&output)?;
    } else if input.is_dir() {
        if !input.join(build::MANIFEST).is_file() {
            bail!("{} is neither a build folder nor one of sterna compare", input.display());
        }
        let build = build::open(input)?;
        let files = build::files(input)?;
        Report { files: Some((input, &files)), ..Report::of(&build) }.write(&output)?;
    } else {
        let (network, task) = store::read_network(input)?;
        let training = record::of(input, &format::write(&network, &task));
        let title = network.name.clone();
        Report { title, network: Some(&network), training: training.as_ref(), ..Report::default() }
            .write(&output)?;
    }
    ui.say(format!("report in {}", output.display()))?;
    ui.object(&json!({ "report": output }))?;
    Ok(Outcome::Done)
}

fn beside(network: &Path) -> PathBuf {
    let mut name = network.with_extension("").into_os_string();
    name.push(".report.html");
    name.into()
}
