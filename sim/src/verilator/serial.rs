//! A board simulated by Verilator, with its serial port at hand.

use super::Source;
use super::build::{Harness, build};
use crate::{Error, Result};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A board's top module and the pins that matter.
#[derive(Clone, Debug)]
pub struct Board<'a> {
    /// Its Verilog.
    pub sources: &'a [Source],
    /// Name of the top module.
    pub top: &'a str,
    /// Macros to define, with their values.
    pub defines: &'a [(&'a str, String)],
    /// The clock pin, and the one that carries its inverse.
    pub clock: (&'a str, Option<&'a str>),
    /// The button, and its level while it is not pressed.
    pub reset: Option<(&'a str, bool)>,
    /// Serial line to the board.
    pub rx: &'a str,
    /// Serial line from the board.
    pub tx: &'a str,
    /// Clocks of a bit.
    pub divider: u32,
}

/// The running model. Time stands still in it between exchanges.
#[derive(Debug)]
pub struct Serial {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    divider: u32,
}

impl Drop for Serial {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serial {
    /// Builds the model, unless `cache` has it, and switches the board on.
    ///
    /// # Errors
    /// Verilator missing, or Verilog that does not compile.
    pub fn start(board: &Board, cache: &Path) -> Result<Self> {
        let harness = Harness {
            program: include_str!("serial.cpp"),
            header: &header(board),
            visible: "`verilator_config\n",
            optimise: "-O1",
            defines: board.defines,
        };
        let model = build(cache, board.sources, board.top, &harness)?;
        let place = || model.program.display().to_string();
        let mut child = Command::new(&model.program)
            .args(["+verilator+rand+reset+2", "+verilator+seed+1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Error::io(place()))?;
        let (to, from) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Ok(Serial { child, to, from, divider: board.divider })
    }

    /// Sends `bytes` and returns the next `wanted` bytes from the board, fewer when it is silent for `patience` bit times.
    ///
    /// # Errors
    /// When the model has crashed.
    pub fn exchange(&mut self, bytes: &[u8], wanted: usize, patience: u64) -> std::io::Result<Vec<u8>> {
        self.to.write_all(&(bytes.len() as u32).to_ne_bytes())?;
        self.to.write_all(bytes)?;
        self.to.write_all(&(wanted as u32).to_ne_bytes())?;
        self.to.write_all(&(patience * u64::from(self.divider)).to_ne_bytes())?;
        self.to.flush()?;
        let mut count = [0; 4];
        self.from.read_exact(&mut count)?;
        let mut answer = vec![0; u32::from_ne_bytes(count) as usize];
        self.from.read_exact(&mut answer)?;
        Ok(answer)
    }
}

/// `model.h`: how the pins are driven and read.
fn header(board: &Board) -> String {
    let set = |name: &str, pins: &str| format!("static void set_{name}(Vmodel& m, bool v) {{ {pins} }}\n");
    let inverse = board.clock.1.map_or(String::new(), |pin| format!(" m.{pin} = !v;"));
    let reset = board.reset.map_or(String::new(), |(pin, level)| format!("m.{pin} = {level};"));
    [
        "#include \"Vmodel.h\"\n".to_string(),
        format!("static const unsigned DIVIDER = {};\n", board.divider),
        set("clock", &format!("m.{} = v;{inverse}", board.clock.0)),
        set("rx", &format!("m.{} = v;", board.rx)),
        format!("static void set_rest(Vmodel& m) {{ (void)m; {reset} }}\n"),
        format!("static bool get_tx(const Vmodel& m) {{ return m.{}; }}\n", board.tx),
    ]
    .concat()
}
