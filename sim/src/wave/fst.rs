//! Fast signal trace: compressed, and quick to open however long it is.

use super::Sink;
use fst_writer::{
    FstBodyWriter, FstFileType, FstHeaderWriter, FstInfo, FstScopeType, FstSignalId, FstSignalType,
    FstVarDirection, FstVarType, FstWriteError,
};
use std::io::{Error, Result, Seek, Write};

/// Values that are gathered, in bytes, before they are compressed and written.
const BUFFER: usize = 1 << 25;

pub struct Fst<W: Write + Seek> {
    writer: Writer<W>,
    signals: Vec<(FstSignalId, u32)>,
    bits: Vec<u8>,
}

enum Writer<W: Write + Seek> {
    Header(FstHeaderWriter<W>),
    Body(FstBodyWriter<W>),
    /// Between the two, and after an error.
    None,
}

fn io(error: FstWriteError) -> Error {
    match error {
        FstWriteError::Io(error) => error,
        other => Error::other(other),
    }
}

impl<W: Write + Seek> Fst<W> {
    pub fn new(out: W) -> Result<Self> {
        let info = FstInfo {
            start_time: 0,
            timescale_exponent: -9,
            version: "sterna".into(),
            // The same run gives the same bytes.
            date: String::new(),
            file_type: FstFileType::Verilog,
        };
        let header = FstHeaderWriter::new(out, &info).map_err(io)?;
        Ok(Fst { writer: Writer::Header(header), signals: Vec::new(), bits: Vec::new() })
    }

    fn header(&mut self) -> Result<&mut FstHeaderWriter<W>> {
        match &mut self.writer {
            Writer::Header(header) => Ok(header),
            _ => Err(Error::other("the header is written")),
        }
    }

    fn body(&mut self) -> Result<&mut FstBodyWriter<W>> {
        match &mut self.writer {
            Writer::Body(body) => Ok(body),
            _ => Err(Error::other("the header is not written")),
        }
    }
}

impl<W: Write + Seek> Sink for Fst<W> {
    fn scope(&mut self, name: &str) -> Result<()> {
        self.header()?.scope(name, "", FstScopeType::Module).map_err(io)
    }

    fn signal(&mut self, name: &str, width: u32, is_state: bool) -> Result<()> {
        let kind = if is_state { FstVarType::Reg } else { FstVarType::Wire };
        let (width_type, direction) = (FstSignalType::bit_vec(width), FstVarDirection::Implicit);
        let id = self.header()?.var(name, width_type, kind, direction, None).map_err(io)?;
        self.signals.push((id, width));
        Ok(())
    }

    fn up(&mut self) -> Result<()> {
        self.header()?.up_scope().map_err(io)
    }

    fn end_of_header(&mut self) -> Result<()> {
        if let Writer::Header(header) = std::mem::replace(&mut self.writer, Writer::None) {
            self.writer = Writer::Body(header.finish().map_err(io)?);
        }
        Ok(())
    }

    fn time(&mut self, time: u64) -> Result<()> {
        let body = self.body()?;
        if body.size() > BUFFER {
            body.flush().map_err(io)?;
        }
        body.time_change(time).map_err(io)
    }

    fn change(&mut self, signal: usize, value: i64) -> Result<()> {
        let (id, width) = self.signals[signal];
        let mut bits = std::mem::take(&mut self.bits);
        bits.clear();
        bits.extend((0..width).rev().map(|i| b'0' + (value >> i & 1) as u8));
        let done = self.body()?.signal_change(id, &bits).map_err(io);
        self.bits = bits;
        done
    }

    fn finish(self: Box<Self>) -> Result<()> {
        match self.writer {
            Writer::Body(body) => body.finish().map_err(io)?.flush(),
            _ => Ok(()),
        }
    }
}
