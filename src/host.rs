//! The host's side of a board's serial line: `hdl/rtl/serial/sterna_serial.v` says what goes over it.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use sterna_hdl::serial::{BOARD, DIVIDER_MACRO, Line, MIN_DIVIDER};
use sterna_sim::verilator;

use crate::build::Build;

/// Bit times after which the board gives up an unfinished sample, and some.
const GIVES_UP: u64 = 65_536 + 4_096;

/// Clocks of a bit in simulation.
pub const QUICK: u32 = MIN_DIVIDER;

/// Something that bytes go to and come from.
pub trait Port {
    /// Sends `bytes` and returns the next `wanted` bytes, fewer when nothing comes for `patience` bit times.
    fn exchange(&mut self, bytes: &[u8], wanted: usize, patience: u64) -> io::Result<Vec<u8>>;
}

impl Port for verilator::Serial {
    fn exchange(&mut self, bytes: &[u8], wanted: usize, patience: u64) -> io::Result<Vec<u8>> {
        verilator::Serial::exchange(self, bytes, wanted, patience)
    }
}

/// The board of `build` in Verilator.
///
/// # Errors
/// When the build is on no board, Verilator is missing, or does not take the Verilog.
pub fn simulated(build: &Build, cache: &Path) -> Result<verilator::Serial> {
    let Some(on) = &build.board else {
        bail!("only a board can be simulated: give a build folder made by sterna compile --board NAME");
    };
    let files = on.all(&build.sources).into_iter();
    let sources: Vec<verilator::Source> =
        files.map(|f| verilator::Source { name: f.name, text: f.text }).collect();
    let clock = match &on.board.clock_pin_n {
        Some(_) => ("clk_p", Some("clk_n")),
        None => ("clk", None),
    };
    let reset = on.board.reset_active.as_deref().map(|level| match level {
        "high" => ("rst", false),
        _ => ("rst_n", true),
    });
    let board = verilator::Board {
        sources: &sources,
        top: BOARD,
        defines: &[(DIVIDER_MACRO, QUICK.to_string())],
        clock,
        reset,
        rx: "rx",
        tx: "tx",
        divider: QUICK,
    };
    Ok(verilator::Serial::start(&board, cache)?)
}

/// A serial port of this machine.
pub struct Device {
    port: Box<dyn serialport::SerialPort>,
    baud: u32,
}

impl Device {
    /// What drivers and USB may hold back, whatever the rate.
    const SLACK: Duration = Duration::from_millis(500);

    /// Opens the port `name`, such as `/dev/ttyUSB1`.
    ///
    /// # Errors
    /// When there is none, or it cannot be used at this rate.
    pub fn open(name: &str, baud: u32) -> Result<Self> {
        let port = serialport::new(name, baud).timeout(Self::SLACK).open();
        let port = port.map_err(|e| anyhow!("cannot open the serial port {name} at {baud} baud: {e}"))?;
        // Whatever came before was meant for somebody else.
        port.clear(serialport::ClearBuffer::Input)?;
        Ok(Device { port, baud })
    }
}

impl Port for Device {
    fn exchange(&mut self, bytes: &[u8], wanted: usize, patience: u64) -> io::Result<Vec<u8>> {
        self.port.write_all(bytes)?;
        let patience = Duration::from_secs_f64(patience as f64 / f64::from(self.baud)) + Self::SLACK;
        let mut answer = vec![0; wanted];
        let (mut came, mut heard) = (0, Instant::now());
        while came < wanted && heard.elapsed() < patience {
            match self.port.read(&mut answer[came..]) {
                Ok(0) => break,
                Ok(n) => (came, heard) = (came + n, Instant::now()),
                Err(e) if e.kind() == io::ErrorKind::TimedOut => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        answer.truncate(came);
        Ok(answer)
    }
}

/// A board that holds the circuit it is taken for.
pub struct Session<'a> {
    port: &'a mut dyn Port,
    line: &'a Line,
    /// Bit times until an answer is given up.
    patience: u64,
}

impl<'a> Session<'a> {
    /// Asks the board what it holds. `compute` is the bit times that a result may take.
    ///
    /// # Errors
    /// When nobody answers, or the board holds another circuit.
    pub fn start(port: &'a mut dyn Port, line: &'a Line, compute: u64) -> Result<Self> {
        let mut session = Session { port, line, patience: GIVES_UP + compute };
        let expected = [b"i".as_slice(), &line.id().to_le_bytes()].concat();
        for attempt in 0..2 {
            let answer = session.exchange(b"?", expected.len())?;
            match answer.as_slice() {
                answer if answer == expected => return Ok(session),
                [b'i', id @ ..] if id.len() == 4 => bail!(
                    "the board holds another circuit, or one that takes its samples otherwise: load the bitstream of this build"
                ),
                // It may be within a sample that somebody else has begun.
                _ if attempt == 0 => drop(session.exchange(&[], 1 << 16)?),
                _ => {}
            }
        }
        bail!("no Sterna circuit answers")
    }

    fn exchange(&mut self, bytes: &[u8], wanted: usize) -> Result<Vec<u8>> {
        // Without its kind: a broken pipe to the board is not one of our own output.
        self.port.exchange(bytes, wanted, self.patience).map_err(|e| anyhow!("serial line: {e}"))
    }

    /// The results of `samples`; `progress` hears how many there are. Where `ahead`, a sample is sent while the one before
    /// is at work.
    ///
    /// # Errors
    /// When the board does not answer, or reports an error.
    pub fn run(
        &mut self,
        samples: &[Vec<i64>],
        ahead: bool,
        progress: &dyn Fn(u64),
    ) -> Result<Vec<Vec<i64>>> {
        let (mut sent, mut results) = (0, Vec::with_capacity(samples.len()));
        let wanted = 1 + self.line.output.beats() * self.line.output.bytes;
        while results.len() < samples.len() {
            let upto = samples.len().min(results.len() + 1 + usize::from(ahead));
            let packed =
                samples[sent..upto].iter().flat_map(|s| [vec![b's'], self.line.input.pack(s)].concat());
            sent = upto;
            let answer = self.exchange(&packed.collect::<Vec<u8>>(), wanted)?;
            let sample = results.len();
            match answer.as_slice() {
                [b'r', result @ ..] if answer.len() == wanted => {
                    results.push(self.line.output.unpack(result))
                }
                [b'e', ..] => bail!("sample {sample}: the board was sent bytes faster than it takes them"),
                answer => bail!("sample {sample}: no result, but {answer:02x?}"),
            }
            progress(results.len() as u64);
        }
        Ok(results)
    }
}
