//! The small designs with their pins, verified against Verilog.

use super::designs::{self, samples};
use sterna_ir::Design;
use sterna_sim::verilator::{Pins, Signal, Source, StreamPins, Tool, VerifyReport, VerifyRequest, verify};
use sterna_sim::{Error, Options};

/// Whether a simulator is there; a machine that must have it fails without.
pub fn has(tool: Tool) -> bool {
    let there = tool.version().is_ok();
    if !there {
        assert!(std::env::var_os("CI").is_none(), "{tool:?} is missing");
        eprintln!("SKIPPED: {tool:?} is not installed");
    }
    there
}

pub fn ready() -> bool {
    has(Tool::Verilator)
}

fn ports(last: bool, input: Vec<Signal>, output: Vec<Signal>) -> Pins {
    let stream = |side: &str, data: Vec<Signal>| StreamPins {
        valid: Signal::bit(format!("{side}_axis_tvalid")),
        ready: Signal::bit(format!("{side}_axis_tready")),
        last: last.then(|| Signal::bit(format!("{side}_axis_tlast"))),
        data,
    };
    Pins {
        clock: "clk".into(),
        reset: Some("rst".into()),
        input: stream("s", input),
        output: stream("m", output),
    }
}

fn lanes(name: &str, count: u32, width: u32) -> Vec<Signal> {
    (0..count).map(|i| Signal::new(name, i * width, width)).collect()
}

fn probe(data: Vec<Signal>) -> StreamPins {
    StreamPins { valid: Signal::bit("full"), ready: Signal::bit("m_axis_tready"), last: None, data }
}

/// A design with Verilog pins.
pub struct Case {
    pub design: Design,
    pub top: &'static str,
    pub pins: Pins,
    pub probe: StreamPins,
}

pub fn accumulator() -> Case {
    let pins = ports(false, lanes("s_axis_tdata", 1, 8), lanes("m_axis_tdata", 1, 1));
    Case { design: designs::accumulator(), top: "acc", pins, probe: probe(lanes("acc__sum", 1, 11)) }
}

pub fn wide() -> Case {
    let pins = ports(true, lanes("s_axis_tdata", 12, 7), lanes("m_axis_tdata", 12, 8));
    Case { design: designs::wide(), top: "wide", pins, probe: probe(lanes("tapped", 12, 8)) }
}

impl Case {
    pub fn verify(
        &self,
        text: &str,
        options: Options,
        folder: &std::path::Path,
    ) -> Result<VerifyReport, Error> {
        self.verify_with(Tool::Verilator, text, options, folder)
    }

    pub fn verify_with(
        &self,
        tool: Tool,
        text: &str,
        options: Options,
        folder: &std::path::Path,
    ) -> Result<VerifyReport, Error> {
        let sources = [Source { name: format!("{}.v", self.top), text: text.into() }];
        let (samples, cache) = (samples(&self.design, 700, 3), folder.join("cache"));
        let request = VerifyRequest {
            tool,
            design: &self.design,
            sources: &sources,
            top: self.top,
            pins: &self.pins,
            probes: std::slice::from_ref(&self.probe),
            samples: &samples,
            options,
            cache: &cache,
            processes: None,
            waveform: Some(&folder.join("wave.vcd")),
            names: None,
            before: None,
            minimise: true,
        };
        verify(&request, &|done, all| assert!(done <= all && all == 700))
    }
}
