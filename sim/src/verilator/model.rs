//! Running a built model: stimulus in, hashes and results out.

use super::Tool;
use crate::packed::{Layout, Source};
use crate::{Error, Result};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use sterna_ir::bench::Stalls;
use sterna_ir::design::Design;

/// A model that is ready to run.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub tool: Tool,
    pub program: PathBuf,
    /// First line of what the tool says of its version.
    pub version: String,
    /// Whether it was built before.
    pub cached: bool,
    pub top: String,
}

/// A segment for the model: its samples, stalls and length in cycles.
#[derive(Clone)]
pub(super) struct Task<'a> {
    pub source: &'a dyn Source,
    pub samples: std::ops::Range<usize>,
    pub stalls: Stalls,
    pub cycles: u64,
    /// Whether to report every result beat.
    pub results: bool,
    /// Cycles of the same stimulus before the reset, which nobody looks at: the reset then comes in mid-stream.
    pub before: u64,
}

/// What the model says.
#[derive(Debug)]
pub(super) enum Event {
    /// Hash at the end of a block.
    Block(u64),
    /// A result beat moved.
    Beat { cycle: u64, words: Vec<u64> },
    /// A settled cycle: handshake words, those of what is unknown (of each stream its handshake, then its data), and the
    /// packed beat of every stream.
    Cycle { cycle: u64, handshakes: Vec<u64>, unknown: Vec<u64>, beats: Vec<Vec<u64>> },
    /// The end; seconds of processor time spent.
    Time(f64),
    /// End of a segment, after this many results.
    End { results: u64, stuck: bool },
}

/// Widths of the packed beats in 64-bit words, stream by stream.
pub(super) struct Shape {
    pub streams: Vec<usize>,
}

/// Which cycles to report, and how long a standstill is borne.
#[derive(Clone, Copy, Default)]
pub(super) struct Mode<'a> {
    /// 0 runs the given cycles only and reports hashes and results.
    pub patience: u64,
    pub from: u64,
    pub to: u64,
    /// Seed of the power-up state.
    pub power_up: u32,
    /// An argument for the Verilog itself.
    pub plusarg: Option<(&'a str, usize)>,
}

/// Takes a packed beat apart, low bits first.
pub(super) struct Bits<'a> {
    words: &'a [u64],
    at: usize,
}

impl<'a> Bits<'a> {
    pub fn new(words: &'a [u64]) -> Self {
        Bits { words, at: 0 }
    }

    /// The next `width` bits, below 64, unsigned.
    pub fn take(&mut self, width: u32) -> i64 {
        let (word, shift) = (self.at / 64, self.at % 64);
        let get = |i: usize| self.words.get(i).copied().unwrap_or(0);
        let high = if shift == 0 { 0 } else { get(word + 1) << (64 - shift) };
        self.at += width as usize;
        (((get(word) >> shift) | high) & ((1 << width) - 1)) as i64
    }
}

/// Tasks as a file that models read, gone with its handle.
pub(super) struct Stimulus {
    folder: tempfile::TempDir,
    tasks: usize,
}

impl Stimulus {
    pub fn new(design: &Design, tasks: &[Task]) -> Result<Self> {
        let folder = tempfile::tempdir().map_err(Error::io("temporary folder"))?;
        let stimulus = Stimulus { folder, tasks: tasks.len() };
        write_stimulus(&stimulus.path(), design, tasks)
            .map_err(Error::io("stimulus of the Verilog model"))?;
        Ok(stimulus)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("stimulus")
    }
}

fn write_stimulus(path: &Path, design: &Design, tasks: &[Task]) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut put = |words: &[u64]| words.iter().try_for_each(|w| file.write_all(&w.to_ne_bytes()));
    put(&[tasks.len() as u64])?;
    let mut words = vec![0; Layout::new(&design.netlist, &design.input).words];
    for task in tasks {
        let (input, output) = (task.stalls.input, task.stalls.output);
        put(&[input.state, u64::from(input.level), output.state, u64::from(output.level)])?;
        put(&[task.samples.len() as u64, task.cycles, u64::from(task.results), task.before])?;
        put(&[task.stalls.fault.unwrap_or(u64::MAX)])?;
        for sample in task.samples.clone() {
            for beat in 0..design.input.beats() {
                task.source.beat(sample, beat, &mut words);
                put(&words)?;
            }
        }
    }
    file.flush()
}

/// The process, ended with its handle.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Reader<'a> {
    from: BufReader<ChildStdout>,
    shape: &'a Shape,
}

impl Reader<'_> {
    fn word(&mut self) -> std::io::Result<u64> {
        let mut bytes = [0; 8];
        self.from.read_exact(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn words(&mut self, count: usize) -> std::io::Result<Vec<u64>> {
        (0..count).map(|_| self.word()).collect()
    }

    fn event(&mut self) -> std::io::Result<Event> {
        Ok(match self.word()? {
            1 => Event::Block(self.word()?),
            2 => {
                let last = *self.shape.streams.last().expect("there is an output stream");
                Event::Beat { cycle: self.word()?, words: self.words(last)? }
            }
            3 => {
                let cycle = self.word()?;
                let count = self.shape.streams.len().div_ceil(32);
                let (handshakes, unknown) = (self.words(count)?, self.words(count)?);
                let shape = self.shape;
                let beats = shape.streams.iter().map(|n| self.words(*n)).collect::<std::io::Result<_>>()?;
                Event::Cycle { cycle, handshakes, unknown, beats }
            }
            4 => Event::End { results: self.word()?, stuck: self.word()? != 0 },
            5 => Event::Time(self.word()? as f64 * 1e-9),
            tag => return Err(std::io::Error::other(format!("unknown record {tag}"))),
        })
    }
}

/// How the model is started.
fn command(model: &Model, stimulus: &Path, mode: Mode) -> Command {
    let mut command = match model.tool {
        Tool::Verilator => {
            let mut command = Command::new(&model.program);
            command.arg(stimulus).args([mode.patience, mode.from, mode.to].map(|n| n.to_string()));
            command.arg("+verilator+rand+reset+2").arg(format!("+verilator+seed+{}", mode.power_up + 1));
            command
        }
        Tool::Icarus => {
            let mut command = Command::new("vvp");
            command.arg("-n").arg(&model.program).arg(format!("+stimulus={}", stimulus.display()));
            for (name, value) in [("patience", mode.patience), ("from", mode.from), ("to", mode.to)] {
                command.arg(format!("+{name}={value}"));
            }
            command
        }
    };
    command.args(mode.plusarg.map(|(name, value)| format!("+{name}={value}")));
    command
}

/// Runs the model over a stimulus and hands every event, with its task's index, to `look` until that returns `false`. At
/// the end it hears of the time spent.
///
/// # Errors
/// When the model cannot be started, crashes, or ends too early: with its last lines.
pub(super) fn run(
    model: &Model,
    shape: &Shape,
    stimulus: &Stimulus,
    mode: Mode,
    look: &mut dyn FnMut(usize, Event) -> bool,
) -> Result<()> {
    let mut stderr = tempfile::tempfile().map_err(Error::io("temporary file"))?;
    let name = model.program.display().to_string();
    let child = command(model, &stimulus.path(), mode)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr.try_clone().map_err(Error::io("temporary file"))?)
        .spawn()
        .map_err(Error::io(&name))?;
    let mut running = Running(child);
    let from = BufReader::new(running.0.stdout.take().expect("the output is piped"));
    let mut reader = Reader { from, shape };
    let mut failed = |status: String| {
        let mut bytes = Vec::new();
        // What it said helps; that it cannot be read is no other failure.
        let _ = stderr.rewind().and_then(|()| stderr.read_to_end(&mut bytes));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let message = lines[lines.len().saturating_sub(12)..].join("\n");
        Error::Model { top: model.top.clone(), status, message }
    };
    for task in 0..=stimulus.tasks {
        loop {
            match reader.event() {
                Ok(event) => {
                    let end = matches!(event, Event::End { .. } | Event::Time(_));
                    if !look(task, event) {
                        return Ok(());
                    }
                    if end {
                        break;
                    }
                }
                Err(error) => {
                    // An early end of the pipe means that the process is ending too.
                    let status = match error.kind() {
                        std::io::ErrorKind::UnexpectedEof => {
                            running.0.wait().map_or(error.to_string(), |s| s.to_string())
                        }
                        _ => error.to_string(),
                    };
                    return Err(failed(status));
                }
            }
        }
    }
    let status = running.0.wait().map_err(Error::io(&name))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}
