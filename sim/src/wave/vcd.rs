//! Value change dump.

use super::Sink;
use std::io::{Result, Write};
use vcd::{IdCode, TimescaleUnit, Value, VarType, Writer};

pub struct Vcd<W: Write> {
    writer: Writer<W>,
    signals: Vec<(IdCode, u32)>,
}

impl<W: Write> Vcd<W> {
    pub fn new(out: W) -> Result<Self> {
        let mut writer = Writer::new(out);
        writer.timescale(1, TimescaleUnit::NS)?;
        Ok(Vcd { writer, signals: Vec::new() })
    }
}

impl<W: Write> Sink for Vcd<W> {
    fn scope(&mut self, name: &str) -> Result<()> {
        self.writer.add_module(name)
    }

    fn signal(&mut self, name: &str, width: u32, is_state: bool) -> Result<()> {
        let kind = if is_state { VarType::Reg } else { VarType::Wire };
        self.signals.push((self.writer.add_var(kind, width, name, None)?, width));
        Ok(())
    }

    fn up(&mut self) -> Result<()> {
        self.writer.upscope()
    }

    fn end_of_header(&mut self) -> Result<()> {
        self.writer.enddefinitions()
    }

    fn time(&mut self, time: u64) -> Result<()> {
        self.writer.timestamp(time)
    }

    fn change(&mut self, signal: usize, value: i64) -> Result<()> {
        let (code, width) = self.signals[signal];
        let bit = |i: u32| Value::from(value >> i & 1 == 1);
        match width {
            1 => self.writer.change_scalar(code, bit(0)),
            _ => self.writer.change_vector(code, (0..width).rev().map(bit)),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.writer.flush()
    }
}
