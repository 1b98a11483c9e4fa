//! A circuit on a board, behind its serial port, and the ways to a bitstream.

use anyhow::{Context, Result, bail};
use sterna_hdl::bitstream::{self, Flow, Part};
use sterna_hdl::family::Family;
use sterna_hdl::serial::{self, Line};
use sterna_hdl::verilog::{Emitted, SourceFile};
use sterna_ir::Design;

use crate::board::Board;

/// A circuit on a board.
#[derive(Clone, Debug)]
pub struct OnBoard {
    /// The board.
    pub board: Board,
    /// Verilog around the circuit: its top module is [`serial::BOARD`].
    pub verilog: Vec<SourceFile>,
    /// Pins and timing.
    pub constraints: Vec<SourceFile>,
}

impl OnBoard {
    /// Puts a circuit on `board`.
    ///
    /// # Errors
    /// When the circuit has no clock.
    pub fn new(board: &Board, line: &Line, design: &Design, emitted: &Emitted) -> Result<Self> {
        let shell = line.shell(design, emitted, board.divider());
        let mut verilog = shell.context("a design without a clock cannot be put on a board")?;
        let (top, constraints): (Vec<_>, Vec<_>) =
            board.files.iter().cloned().partition(|file| file.name.ends_with(".v"));
        verilog.extend(top);
        Ok(OnBoard { board: board.clone(), verilog, constraints })
    }

    /// The steps to its bitstream `name`; `core` is the circuit's Verilog.
    ///
    /// # Errors
    /// For a board whose family the open tools make no bitstreams for.
    pub fn flow(&self, core: &[SourceFile], name: &str, seed: u32) -> Result<Flow> {
        let Board { device, package, speed, part, pack_options, .. } = self.board.clone();
        let family = self.board.family().with_context(|| format!("no family {:?}", self.board.family))?;
        if family == Family::Xcup {
            bail!(
                "only the vendor's tool makes a bitstream for {}: compile --board writes vivado.tcl for it",
                self.board.name
            );
        }
        let part = Part { family, device, package, speed, number: part, pack_options };
        let verilog = self.all(core);
        Ok(Flow::new(&part, &self.source(&verilog)?, name, seed)?)
    }

    /// How to make its bitstream `name` without this program: a Makefile for the open tools, or a script for the vendor's.
    pub fn scripts(&self, core: &[SourceFile], name: &str) -> Result<Vec<SourceFile>> {
        if self.board.family() != Some(Family::Xcup) {
            return Ok(self.flow(core, name, 1)?.scripts(self.board.load.as_deref()));
        }
        let speed = self.board.speed.as_deref().map_or(String::new(), |s| format!("-{s}"));
        let number = format!("{}{}{speed}", self.board.device, self.board.package);
        let verilog = self.all(core);
        Ok(vec![bitstream::vivado(&number, &self.source(&verilog)?, name)])
    }

    /// All Verilog of the board.
    pub fn all(&self, core: &[SourceFile]) -> Vec<SourceFile> {
        core.iter().chain(&self.verilog).cloned().collect()
    }

    fn source<'a>(&'a self, verilog: &'a [SourceFile]) -> Result<bitstream::Source<'a>> {
        let constraints = self.constraints.first().context("a board without constraints")?;
        Ok(bitstream::Source { verilog, top: serial::BOARD, constraints, mhz: self.board.clock_mhz })
    }
}
